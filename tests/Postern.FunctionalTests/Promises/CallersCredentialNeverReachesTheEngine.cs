using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>The caller's token ends at the gate: whatever the gate itself presents, and wherever the caller wrote the token.</summary>
public sealed class CallersCredentialNeverReachesTheEngine
{
    [Theory]
    [InlineData("{ mint: { audience: temporal-test } }")]
    [InlineData("{ bearer: \"${file:engine.token}\" }")]
    [InlineData("{ none: true }")]
    public async Task Token_WithEveryKindOfEngineCredential_StaysHere(string credential)
    {
        // The file is written where the gate's folder will be: a secret's path is relative to postern.yaml.
        var secret = Path.Combine(Directory.CreateTempSubdirectory("postern-secret-").FullName, "engine.token");
        await File.WriteAllTextAsync(secret, "engine-secret\n", TestContext.Current.CancellationToken);
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            Credential = credential.Replace("engine.token", secret),
            Script = call => call.Operation == "PollWorkflowTaskQueue" ? StubAnswer.Ok() with { Pieces = 2 } : StubAnswer.Ok(),
        });
        var token = gate.Issuer.Token("root");
        var signature = token.Split('.')[2];
        (string, string)[] everywhere =
        [
            ("authorization-extras", token), ("grpc-metadata-authorization", "Bearer " + token), ("grpcgateway-authorization", "Bearer " + token),
            ("proxy-authorization", "Bearer " + token), ("cookie", "token=" + token), ("x-forwarded-access-token", token),
        ];
        foreach (var (method, message) in new[]
                 {
                     ("StartWorkflowExecution", Requests.Start()), ("DescribeWorkflowExecution", Requests.Describe()), ("RespondActivityTaskCompleted", Requests.CompleteActivity(gate.SealedToken(TaskKind.Activity))),
                     ("PollWorkflowTaskQueue", Requests.Poll()), ("GetSystemInfo", []),
                 })
        {
            var answer = await gate.Client.CallAsync(method, message, token, TestContext.Current.CancellationToken, [.. everywhere, ("grpc-timeout", "20S")]);
            Assert.True(answer.Status == 0, answer.Message);
        }

        Assert.Equal(5, gate.Engine.Calls.Count);
        foreach (var call in gate.Engine.Calls)
        {
            Assert.DoesNotContain(call.Headers, header => header.Value.Contains(signature, StringComparison.Ordinal));
            Assert.DoesNotContain(signature, System.Text.Encoding.Latin1.GetString(call.Body));
            Assert.DoesNotContain(signature, call.Target);
            var presented = call.Headers.Where(header => header.Name == "authorization").Select(header => header.Value).ToList();
            if (credential.Contains("none", StringComparison.Ordinal))
            {
                Assert.Empty(presented);
            }
            else if (credential.Contains("bearer", StringComparison.Ordinal))
            {
                Assert.Equal(["Bearer engine-secret"], presented);
            }
            else
            {
                // What the gate answers itself it asks in its own name.
                Assert.Equal(call.Operation == "GetSystemInfo" ? "postern.gate/postern" : "test/root", new UpstreamToken(call).Subject);
            }
        }
    }

    [Fact]
    public async Task Token_OfACallThatIsSentAgain_StaysHere()
    {
        var refused = 0;
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            // REFUSED_STREAM: the engine did nothing, so the gate may send the call again.
            Script = _ => Interlocked.Increment(ref refused) == 1 ? new StubAnswer { Reset = 7 } : StubAnswer.Ok(),
        });
        var token = gate.Issuer.Token("root");
        var answer = await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken);
        Assert.True(answer.Status == 0, answer.Message);
        Assert.Equal(2, gate.Engine.Calls.Count);
        Assert.All(gate.Engine.Calls, call => Assert.DoesNotContain(call.Headers, header => header.Value.Contains(token.Split('.')[2], StringComparison.Ordinal)));
        Assert.All(gate.Engine.Calls, call => Assert.Equal("test/root", new UpstreamToken(call).Subject));
    }
}
