using System.Text.Json;
using Postern.Commands;
using Postern.Tests.Configuration;

namespace Postern.Tests.Commands;

public sealed class PolicyCommandTests : IDisposable
{
    private const string Marker = "<!-- From here on written by postern policy matrix; see tests/Postern.Tests/Commands/PolicyCommandTests.cs -->\n\n";
    private const string Start = "temporal/StartWorkflowExecution";
    private readonly ConfigurationFolder _folder = new();

    public PolicyCommandTests()
    {
        _folder.Write("postern.yaml", ConfigurationFolder.Minimal);
        _folder.Write("policy.yaml", Repository.Read("samples/policy.yaml"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Test_SamplePolicy_Passes()
    {
        var run = await RunAsync("policy", "test");

        Assert.Equal(ExitCodes.Ok, run.ExitCode);
        Assert.Contains("2 tests passed", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_ExpectationNotMet_EndsWithThreeAndSaysWhich()
    {
        _folder.Write("policy.yaml", Repository.Read("samples/policy.yaml").Replace("expect: allow", "expect: deny", StringComparison.Ordinal));

        var run = await RunAsync("policy", "test");

        Assert.Equal(ExitCodes.TestsFailed, run.ExitCode);
        Assert.Contains("tests[0]: the test fails: expected deny, but the policy says allow", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_PolicyThatIsNone_EndsWithTwo()
    {
        _folder.Write("policy.yaml", "bindings: [ { who: [group:x], role: nobody-knows } ]\n");

        Assert.Equal(ExitCodes.Invalid, (await RunAsync("policy", "test")).ExitCode);
    }

    [Fact]
    public async Task Check_PolicyWithAnError_ReportsItBesideTheConfigurations()
    {
        _folder.Write("policy.yaml", "bindings: [ { who: [group:x], role: nobody-knows } ]\n");
        _folder.Write("postern.yaml", ConfigurationFolder.Minimal + "lissten: 1\n");

        var run = await RunAsync("check");

        Assert.Equal(ExitCodes.Invalid, run.ExitCode);
        Assert.Contains("lissten: unknown key", run.Output, StringComparison.Ordinal);
        Assert.Contains("policy.yaml:1: bindings[0].role", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_FilesAndIssuersNamed_NeedsNoConfiguration()
    {
        File.Delete(Path.Combine(_folder.Root, "postern.yaml"));

        var run = await CommandRun.Of("policy", "test", "--policy", Path.Combine(_folder.Root, "policy.yaml"), "--issuer", "okta");

        Assert.Equal(ExitCodes.Ok, run.ExitCode);
    }

    [Theory]
    [InlineData("user:alice", "payments", ExitCodes.Ok, "decision: allow, by bindings[0]")]
    [InlineData("user:okta/alice", "payments", ExitCodes.Ok, "decision: allow, by bindings[0]")]
    [InlineData("user:alice", "okta/payments", ExitCodes.Ok, "decision: allow, by bindings[0]")]
    [InlineData("user:bob", "support", ExitCodes.NotAllowed, "decision: deny")]
    [InlineData("account:payments-worker", "none", ExitCodes.NotAllowed, "decision: deny")]
    public async Task Explain_Caller_SaysWhoMayAndByWhichRule(string caller, string group, int exitCode, string expected)
    {
        var run = await ExplainAsync("--caller", caller, "--group", group, "--call", Start, "--with", "namespace=payments", "--with", "workflowType=Refund");

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains(expected, run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_Json_HoldsDecisionRulesAndChange()
    {
        var run = await ExplainAsync("--caller", "user:bob", "--group", "support", "--call", Start, "--with", "namespace=payments", "--output", "json");

        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal("deny", json.RootElement.GetProperty("decision").GetString());
        var demand = Assert.Single(json.RootElement.GetProperty("demands").EnumerateArray());
        Assert.Equal("workflow.start", demand.GetProperty("permission").GetString());
        Assert.True(demand.GetProperty("rules").GetArrayLength() > 0);
        Assert.True(demand.TryGetProperty("change", out _));
    }

    [Fact]
    public async Task Explain_Also_AddsWhatOnlySomeCallsAskFor()
    {
        string[] call = ["--caller", "user:alice", "--group", "payments", "--call", Start, "--with", "namespace=payments"];

        Assert.Equal(ExitCodes.Ok, (await ExplainAsync(call)).ExitCode);
        var run = await ExplainAsync([.. call, "--also", "workflow.terminate"]);

        Assert.Equal(ExitCodes.NotAllowed, run.ExitCode);
        Assert.Contains("deny[0]", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--caller takes", "--caller", "alice", "--call", Start)]
    [InlineData("did you mean 'temporal/StartWorkflowExecution'", "--caller", "user:alice", "--call", "temporal/StartWorkflowExecutoin")]
    [InlineData("--with colour=red", "--caller", "user:alice", "--call", Start, "--with", "colour=red")]
    [InlineData("--also cluster.remote", "--caller", "user:alice", "--call", Start, "--also", "cluster.remote")]
    [InlineData("--from takes", "--caller", "user:alice", "--call", Start, "--from", "somewhere")]
    [InlineData("--at takes", "--caller", "user:alice", "--call", Start, "--at", "2026-03-02T09:30")]
    [InlineData("--claim takes", "--caller", "user:alice", "--call", Start, "--claim", "x")]
    [InlineData("either --caller or --token", "--call", Start)]
    [InlineData("either --caller or --token", "--caller", "user:alice", "--token", "x", "--call", Start)]
    public async Task Explain_ArgumentsNotUnderstood_SaysWhatToWrite(string expected, params string[] arguments)
    {
        var run = await ExplainAsync(arguments);

        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task Explain_SeveralIssuers_AsksWhichOne()
    {
        _folder.Write("postern.yaml", ConfigurationFolder.Minimal.Replace(
            "    - { name: okta", "    - { name: other, issuer: https://other.example.com, audiences: [postern] }\n    - { name: okta", StringComparison.Ordinal));
        _folder.Write("policy.yaml", "bindings:\n  - { who: [group:okta/payments], role: developer, where: { temporal: payments } }\n");

        var bare = await ExplainAsync("--caller", "user:alice", "--group", "payments", "--call", Start, "--with", "namespace=payments");
        var named = await ExplainAsync("--caller", "user:okta/alice", "--group", "payments", "--call", Start, "--with", "namespace=payments");
        var other = await ExplainAsync("--caller", "user:other/alice", "--group", "payments", "--call", Start, "--with", "namespace=payments");

        Assert.Equal(ExitCodes.Usage, bare.ExitCode);
        Assert.Contains("must name its issuer", bare.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Ok, named.ExitCode);
        Assert.Equal(ExitCodes.NotAllowed, other.ExitCode);
    }

    [Fact]
    public async Task Explain_Claims_AreWhatThePolicySees()
    {
        _folder.Write("policy.yaml", "bindings:\n  - { who: ['claim:org.unit=fin*'], role: developer, where: { temporal: payments } }\n");
        string[] call = ["--caller", "user:alice", "--call", Start, "--with", "namespace=payments"];

        Assert.Equal(ExitCodes.Ok, (await ExplainAsync([.. call, "--claim", "org.unit=finance"])).ExitCode);
        Assert.Equal(ExitCodes.NotAllowed, (await ExplainAsync([.. call, "--claim", "org.unit=sales"])).ExitCode);
    }

    [Fact]
    public async Task Explain_TokenThatIsNone_IsRefusedAndNotRepeated()
    {
        _folder.Write("keys.json", """{"keys":[]}""");
        _folder.Write("postern.yaml", ConfigurationFolder.Minimal.Replace("audiences: [postern]", "audiences: [postern], keySet: keys.json", StringComparison.Ordinal));
        var token = _folder.Write("token", "not-a-token-canary");

        var run = await ExplainAsync("--token", token, "--call", Start, "--with", "namespace=payments");

        Assert.Equal(ExitCodes.NotAllowed, run.ExitCode);
        Assert.Contains("The gate would refuse this token", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", run.Output + run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Matrix_Json_NamesTheRolesOfACall()
    {
        var run = await RunAsync("policy", "matrix", "--output", "json");

        using var json = JsonDocument.Parse(run.Output);
        var row = json.RootElement.GetProperty("rows").EnumerateArray().Single(r => r.GetProperty("call").GetString() == Start);
        var roles = row.GetProperty("roles").EnumerateArray().Select(r => r.GetString()).ToList();
        Assert.Contains("developer", roles);
        Assert.DoesNotContain("viewer", roles);
        Assert.DoesNotContain("worker", roles);
    }

    /// <summary>With POSTERN_WRITE_DOCS=1 the table is written anew.</summary>
    [Fact]
    public async Task Matrix_Text_IsTheDocumentsTable()
    {
        const string Document = "docs/permissions.md";
        var text = Repository.Read(Document);
        var written = text[..(text.IndexOf(Marker, StringComparison.Ordinal) + Marker.Length)] + (await RunAsync("policy", "matrix")).Output;
        if (Environment.GetEnvironmentVariable("POSTERN_WRITE_DOCS") == "1")
        {
            File.WriteAllText(Repository.Path(Document), written);
        }

        Assert.Equal(written, Repository.Read(Document));
    }

    private Task<CommandRun> ExplainAsync(params string[] arguments) => RunAsync(["policy", "explain", .. arguments]);

    private Task<CommandRun> RunAsync(params string[] arguments) => CommandRun.Of([.. arguments, "--config", Path.Combine(_folder.Root, "postern.yaml")]);
}
