using Postern.FunctionalTests.Dev.Engine;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.WorkflowService.V1;
using Google.Protobuf;

namespace Postern.FunctionalTests.Promises;

/// <summary>What the engine says of itself every authenticated caller may know; without the first of it SDKs don't start, so that it is told also while credentials can't be verified.</summary>
public sealed class ServerIsKnownToAllCallers
{
    private static readonly byte[] s_system =
        new GetSystemInfoResponse { ServerVersion = "1.32.1", Capabilities = new() { Nexus = true, UpsertMemo = true } }.ToByteArray();

    private static readonly byte[] s_cluster = new GetClusterInfoResponse { ClusterName = "active", ServerVersion = "1.32.1" }.ToByteArray();

    [Theory]
    [InlineData("GetSystemInfo")]
    [InlineData("GetClusterInfo")]
    public async Task EveryCaller_GetsTheEnginesAnswer_WhichIsAskedOnce(string method)
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Script = Answer });
        foreach (var token in new[] { gate.Issuer.Token("nobody"), gate.Issuer.Token("alice", "payments"), gate.Issuer.Token("root"), gate.Issuer.Token("nobody") })
        {
            var answer = await gate.Client.AskAsync(method, null, token);
            Assert.True(answer.Status == 0, answer.Message);
            Assert.Equal(method == "GetSystemInfo" ? s_system : s_cluster, GrpcFrame.Message(answer.Body));
        }

        var asked = Assert.Single(gate.Engine.Calls);
        Assert.Equal(("postern.gate/postern", "temporal-system:read"), (new UpstreamToken(asked).Subject, Assert.Single(new UpstreamToken(asked).Permissions)));
        Assert.Equal(GrpcCode.Unauthenticated, (await gate.Client.AskAsync(method)).Status);
    }

    [Fact]
    public async Task SystemInfo_WhileCredentialsCannotBeVerified_IsToldAndNothingElse()
    {
        await using var issuer = await TestIssuer.DownAsync();
        await using var gate = await Gate.StartAsync(new GateSetup { Issuer = issuer, Script = Answer });
        var token = issuer.Token("alice", "payments");
        var answer = await gate.Client.AskAsync("GetSystemInfo", null, token);
        Assert.True(answer.Status == 0, answer.Message);
        Assert.Equal(s_system, GrpcFrame.Message(answer.Body));
        foreach (var method in new[] { "GetClusterInfo", "ListNamespaces", "DescribeNamespace", "ListWorkflowExecutions" })
        {
            Assert.Equal(GrpcCode.Unavailable, (await gate.Client.AskAsync(method, null, token)).Status);
        }

        Assert.Equal("GetSystemInfo", Assert.Single(gate.Engine.Calls).Operation);
        // Without a credential, or with what is none, nothing is waited for.
        Assert.Equal(GrpcCode.Unauthenticated, (await gate.Client.AskAsync("GetSystemInfo")).Status);
        Assert.Equal(GrpcCode.Unauthenticated, (await gate.Client.AskAsync("GetSystemInfo", null, "nonsense")).Status);
        AuditLine? Record() => gate.Audit.Records().FirstOrDefault(record => record["operation"] == "GetSystemInfo" && record["status"] == "0");
        await Eventually.TrueAsync(() => Record() is not null, () => "no record");
        Assert.Equal((null, "answered without a verified caller"), (Record()!["caller"], Record()!["detail"]));
    }

    [Fact]
    public async Task SystemInfo_WhileTheEngineIsAway_IsWhatItLastSaid()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Script = Answer });
        var token = gate.Issuer.Token("nobody");
        Assert.Equal(0, (await gate.Client.AskAsync("GetSystemInfo", null, token)).Status);
        await gate.Engine.GoAwayAsync();
        Assert.Equal(s_system, GrpcFrame.Message((await gate.Client.AskAsync("GetSystemInfo", null, token)).Body));
        Assert.Equal(GrpcCode.Unavailable, (await gate.Client.AskAsync("GetClusterInfo", null, token)).Status);
        await gate.Engine.ReturnAsync();
        await Eventually.AnswersAsync(() => gate.Client.AskAsync("GetClusterInfo", null, token), answer => answer.Status == 0);
    }

    [Fact]
    public async Task SystemInfo_OfAClientThatTheServerDoesNotSupport_IsTheServersRefusal()
    {
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            Script = call => call.Header("supported-server-versions") == "<1.0.0" ? StubAnswer.Error(9, "Server version 1.32.1 is not supported.") : Answer(call),
        });
        var token = gate.Issuer.Token("nobody");
        var old = await gate.Client.CallAsync("GetSystemInfo", Array.Empty<byte>(), token, TestContext.Current.CancellationToken, ("client-name", "temporal-go"), ("supported-server-versions", "<1.0.0"));
        Assert.Equal((9, "Server version 1.32.1 is not supported."), (old.Status, old.Message));
        Assert.Equal(0, (await gate.Client.AskAsync("GetSystemInfo", null, token)).Status);
    }

    [Fact]
    public async Task ServerInfo_ThatADenyNames_IsRefused()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Script = Answer, PolicyText = "deny: [ { what: [cluster.info], who: [\"user:eve\"] } ]" });
        Assert.Equal(GrpcCode.PermissionDenied, (await gate.Client.AskAsync("GetClusterInfo", null, gate.Issuer.Token("eve"))).Status);
        Assert.Equal(0, (await gate.Client.AskAsync("GetClusterInfo", null, gate.Issuer.Token("bob"))).Status);
    }

    private static StubAnswer Answer(ArrivedCall call) => call.Operation switch
    {
        "GetSystemInfo" => StubAnswer.Ok(s_system),
        "GetClusterInfo" => StubAnswer.Ok(s_cluster),
        _ => StubAnswer.Ok(),
    };
}
