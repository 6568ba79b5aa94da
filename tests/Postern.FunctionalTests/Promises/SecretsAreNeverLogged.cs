using System.Collections.Concurrent;
using System.Diagnostics;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>Tokens, keys, passwords and payloads stand in no log line at any level, no error, no audit line, no metric and no trace.</summary>
public sealed class SecretsAreNeverLogged
{
    private const string Payload = "canary-payload-4711";
    private const string EngineSecret = "canary-engine-secret-4711";
    private const string Cookie = "canary-cookie-4711";
    private const string Details = "Y2FuYXJ5LWRldGFpbHM";

    [Fact]
    public async Task NothingSecret_StandsAnywhere_AfterCallsOfEveryKind()
    {
        var traces = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => traces.Enqueue($"{activity.DisplayName} {string.Join(' ', activity.TagObjects)} {string.Join(' ', activity.Events.SelectMany(e => e.Tags))} {string.Join(' ', activity.Baggage)}"),
        };
        ActivitySource.AddActivityListener(listener);

        var folder = Directory.CreateTempSubdirectory("postern-secret-").FullName;
        var file = Path.Combine(folder, "engine.token");
        await File.WriteAllTextAsync(file, EngineSecret, TestContext.Current.CancellationToken);
        var secrets = new List<string> { Payload, EngineSecret, Cookie, Details, "canary-garbage" };
        var answers = new List<GrpcResult>();
        LogCapture logs;
        string audit, metrics;
        foreach (var credential in new[] { "{ mint: { audience: temporal-test } }", $"{{ bearer: \"${{file:{file}}}\" }}" })
        {
            await using var gate = await Gate.StartAsync(new GateSetup { Credential = credential, Script = Answer });
            logs = gate.Logs;
            var tokens = Tokens(gate.Issuer);
            secrets.AddRange(tokens.SelectMany(token => token.Split('.').Where(part => part.Length > 20)).Distinct());
            foreach (var token in tokens)
            {
                foreach (var (method, message) in Calls())
                {
                    answers.Add(await gate.Client.CallAsync(method, message, token, TestContext.Current.CancellationToken, ("cookie", "s=" + Cookie), ("grpc-timeout", "20S")));
                }

                answers.Add(await gate.Client.CallAsync(
                    GrpcClient.WorkflowService + "GetSystemInfo?access_token=" + token, Array.Empty<byte>(), token, TestContext.Current.CancellationToken));
            }

            // Trouble writes the longest lines: broken policy, broken configuration, an engine that goes away.
            await File.WriteAllTextAsync(gate.PolicyFile, "bindings: [" + Payload, TestContext.Current.CancellationToken);
            gate.Logs.Expect(line => line.Category.StartsWith("Postern", StringComparison.Ordinal));
            await gate.ReloadAsync();
            await gate.Engine.GoAwayAsync();
            answers.Add(await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(payload: Payload), tokens[0], TestContext.Current.CancellationToken));
            metrics = await gate.AdminAsync("/metrics");
            await gate.StopAsync();
            audit = gate.Audit.Text();
            secrets.AddRange(gate.Engine.Calls.SelectMany(call => call.Headers).Where(header => header.Name == "authorization")
                .SelectMany(header => header.Value["Bearer ".Length..].Split('.')).Where(part => part.Length > 40).Distinct());
            secrets.AddRange(Keys(Path.Combine(gate.Folder, "data")));
            // A parser's error may quote the line that it can't read; the policy's text is no secret, so only here.
            var searched = secrets.Where(secret => secret != Payload).ToList();
            AssertHoldsNone(searched, logs.Lines.Select(line => line.ToString()), "log");
            AssertHoldsNone([Payload], logs.Lines.Where(line => !line.Text.Contains("policy", StringComparison.OrdinalIgnoreCase)).Select(line => line.ToString()), "log");
            AssertHoldsNone(secrets, [audit], "audit");
            AssertHoldsNone(secrets, [metrics], "metrics");
            AssertHoldsNone(secrets, traces, "traces");
            AssertHoldsNone(secrets.Where(secret => secret != Details), answers.Select(answer => $"{answer.Message} {string.Join(' ', answer.Headers)} {string.Join(' ', answer.Trailers)}"), "errors");
            Assert.NotEmpty(audit);
            Assert.NotEmpty(logs.Lines);
        }
    }

    [Fact]
    public async Task NothingThatManagementIsGivenOrMakes_StandsAnywhereButInItsAnswer()
    {
        var traces = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            // The test's own client names its targets.
            ShouldListenTo = source => source.Name != "System.Net.Http",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => traces.Enqueue($"{activity.DisplayName} {string.Join(' ', activity.TagObjects)}"),
        };
        ActivitySource.AddActivityListener(listener);
        const string Password = "canary horse battery 4711";
        await using var gate = await Gate.StartAsync(new GateSetup { IdentityExtra = GateAccounts.Configuration });
        using var initOutput = new StringWriter();
        Assert.Equal(0, await Postern.Commands.CommandLine.RunAsync(["init", "--config", gate.ConfigFile], initOutput, TextWriter.Null, TestContext.Current.CancellationToken));
        var token = initOutput.ToString().Trim();
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        using var holder = new ManagementApiClient(gate, token);
        var admin = (await holder.PostAsync("/v1/bootstrap", "{}")).Is(201).Json.GetProperty("key").GetProperty("text").GetString()!;
        await root.AccountAsync("worker");
        var (id, key) = await root.KeyAsync("worker");
        var rotated = (await root.PostAsync($"/v1/keys/{id}/rotate", "{}")).Is(201).Json.GetProperty("text").GetString()!;
        var jwt = gate.Issuer.Token("alice");
        string[] secrets = [token, admin, key, rotated, jwt, Password, "canary", "pbkdf2"];
        // What isn't taken is repeated nowhere either: in a wrong place, in a wrong form, under a wrong name.
        using var worker = new ManagementApiClient(gate, key);
        ApiAnswer[] answers =
        [
            await holder.PostAsync("/v1/bootstrap", "{}"),
            await root.PostAsync("/v1/users", $$"""{"name":"alice","password":"{{Password}}"}"""),
            await root.PostAsync("/v1/users", $$"""{"name":"alice","password":"{{Password}}"}"""),
            await root.PostAsync("/v1/users", $$"""{"name":"bob","passwort":"{{Password}}"}"""),
            await root.PostAsync("/v1/users", $$"""{"name":"bob","password":["{{Password}}"]}"""),
            await root.PostAsync("/v1/users", $$"""{"name":"bob","password":"{{Password}}"""),
            await root.PutAsync("/v1/users/alice/password", $$"""{"password":"{{Password}}"}"""),
            await root.GetAsync("/v1/users/alice"), await root.GetAsync($"/v1/keys/{id}"), await root.GetAsync("/v1/accounts/worker/keys"),
            await root.GetAsync($"/v1/accounts?access_token={key}"), await root.PostAsync($"/v1/users?password={Password.Replace(' ', '+')}", "{}"),
            await worker.GetAsync("/v1/accounts"), await worker.GetAsync("/v1/whoami"),
            // By mistake in a place that is shown: as an id, as a name, as a path, as what is to be revoked.
            await root.PostAsync($"/v1/keys/{key}/revoke"), await root.PostAsync($"/v1/accounts/{key}/keys", "{}"), await root.GetAsync($"/v1/nothing/{key}"), await root.GetAsync($"/v1/accounts/{token}"),
            await root.PostAsync("/v1/revocations", $$"""{"kind":"token","value":"{{key}}"}"""), await root.DeleteAsync($"/v1/revocations/token/{jwt}", match: null),
            await root.PostAsync("/v1/revocations", $$"""{"kind":"token","value":"{{jwt}}"}"""),
        ];
        await gate.StopAsync();
        AssertHoldsNone(secrets, answers.Select(answer => answer.Text + string.Join(' ', answer.Headers)), "answers");
        AssertHoldsNone(secrets, gate.Logs.Lines.Select(line => line.ToString()), "log");
        AssertHoldsNone(secrets, [gate.Audit.Text()], "audit");
        AssertHoldsNone(secrets, traces, "traces");
        AssertHoldsNone([.. secrets.Take(5), Password], Directory.EnumerateFiles(Path.Combine(gate.Folder, "data"), "postern.db*").Select(file => System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file))), "store");
        Assert.NotEmpty(gate.Audit.Text());
    }

    private static StubAnswer Answer(ArrivedCall call) => call.Operation switch
    {
        "SignalWorkflowExecution" => StubAnswer.Error(5, "not%20found", Details),
        "TerminateWorkflowExecution" => new StubAnswer { Reset = 2 },
        "PollWorkflowTaskQueue" => new StubAnswer { Body = GrpcFrame.Claiming(100, System.Text.Encoding.UTF8.GetBytes(Payload)), Cut = true },
        _ => StubAnswer.Ok(Requests.Field(99, Payload)),
    };

    private static IEnumerable<(string, byte[])> Calls() =>
    [
        ("StartWorkflowExecution", Requests.Start(payload: Payload)), ("StartWorkflowExecution", Requests.Start("payroll", payload: Payload)),
        ("SignalWorkflowExecution", Requests.Signal()), ("TerminateWorkflowExecution", Requests.Terminate()), ("PollWorkflowTaskQueue", Requests.Poll()),
        ("DescribeWorkflowExecution", Requests.Describe()), ("NoSuchMethod", Requests.Field(1, Payload)), ("StartWorkflowExecution", [0xFF, .. System.Text.Encoding.UTF8.GetBytes(Payload)]),
    ];

    private static List<string> Tokens(TestIssuer issuer) =>
    [
        issuer.Token("root"), issuer.Token("nobody"), issuer.Mint(claims => claims["exp"] = 1, "root"), issuer.Mint(subject: "root", key: TestKey.Es256("key-1")),
        issuer.Mint(subject: "root", key: TestKey.None("none-key")), "canary-garbage-token-of-nobody",
    ];

    /// <summary>Lines of private keys in the gate's own folder.</summary>
    private static IEnumerable<string> Keys(string data) =>
        Directory.EnumerateFiles(data, "*", SearchOption.AllDirectories)
            .SelectMany(file => File.ReadAllText(file).Split('"', '\n', '\r'))
            .Where(text => text.Length > 40 && !text.Contains(' ') && !text.StartsWith("--", StringComparison.Ordinal));

    private static void AssertHoldsNone(IEnumerable<string> secrets, IEnumerable<string> texts, string where)
    {
        foreach (var text in texts)
        {
            foreach (var secret in secrets)
            {
                Assert.False(text.Contains(secret, StringComparison.Ordinal), $"{where} holds {secret[..Math.Min(12, secret.Length)]}…: {text}");
            }
        }
    }
}
