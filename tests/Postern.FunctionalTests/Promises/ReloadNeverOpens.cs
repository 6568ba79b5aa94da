using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>No reload, good or bad, lets through what neither the old nor the new policy allows; a bad one changes nothing and says so.</summary>
public sealed class ReloadNeverOpens
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string?> BadPolicies => new()
    {
        { "not YAML", "bindings: [" },
        { "tabs", "bindings:\n\t- x" },
        { "unknown key", "bindngs: []" },
        { "unknown role", "bindings: [{ who: [anyone], role: emperor, where: { temporal: \"*\" } }]" },
        { "unknown permission", "roles: { r: { extends: viewer, with: [workflow.everything] } }\nbindings: []" },
        { "binding without a role", "bindings: [{ who: [anyone], where: { temporal: \"*\" } }]" },
        { "binding without who", "bindings: [{ role: admin, where: { temporal: \"*\" } }]" },
        { "who is empty", "bindings: [{ who: [], role: admin, where: { temporal: \"*\" } }]" },
        { "unknown dimension", "bindings: [{ who: [anyone], role: admin, where: { temporall: \"*\" } }]" },
        { "a list where a map belongs", "[1, 2]" },
        { "binary", "\0\u0001\u0002" },
        { "failing test of its own", "bindings: []\ntests:\n  - { caller: { user: alice }, call: temporal/StartWorkflowExecution, with: { namespace: payments }, expect: allow }" },
        { "role that extends itself", "roles: { a: { extends: b }, b: { extends: a } }\nbindings: []" },
        { "deleted", null },
    };

    [Theory]
    [MemberData(nameof(BadPolicies))]
    public async Task BadPolicy_ChangesNothing_AndIsToldLoudly(string id, string? text)
    {
        Assert.NotEmpty(id);
        await using var gate = await Gate.StartAsync();
        gate.Logs.Expect(_ => true);
        if (text is null)
        {
            File.Delete(gate.PolicyFile);
        }
        else
        {
            await File.WriteAllTextAsync(gate.PolicyFile, text, Cancellation);
        }

        var (status, answer) = await gate.ReloadAsync();
        Assert.False(status is >= 200 and < 300, answer);
        Assert.NotEmpty(answer);
        Assert.Contains(gate.Logs.Lines, line => line.Level >= Microsoft.Extensions.Logging.LogLevel.Error);
        await AssertOldPolicyAsync(gate);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n")]
    [InlineData("bindings: []\n")]
    [InlineData("{}\n")]
    public async Task EmptyPolicy_AllowsNothingNew(string text)
    {
        await using var gate = await Gate.StartAsync();
        gate.Logs.Expect(_ => true);
        await File.WriteAllTextAsync(gate.PolicyFile, text, Cancellation);
        var (status, _) = await gate.ReloadAsync();
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(gate, "nobody", "payments"));
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(gate, "alice", "payroll", "payments"));
        // Taken: it denies everything. Not taken: the old one goes on.
        Assert.Equal(status is >= 200 and < 300 ? GrpcCode.PermissionDenied : 0, await StartAsync(gate, "alice", "payments", "payments"));
    }

    [Theory]
    [InlineData("listen: [")]
    [InlineData("")]
    [InlineData("surprise: true\n")]
    [InlineData("identity: { issuers: [] }\n")]
    public async Task BadConfiguration_ChangesNothing(string text)
    {
        await using var gate = await Gate.StartAsync();
        gate.Logs.Expect(_ => true);
        await File.WriteAllTextAsync(gate.ConfigFile, text, Cancellation);
        var (status, _) = await gate.ReloadAsync();
        Assert.False(status is >= 200 and < 300);
        await AssertOldPolicyAsync(gate);
    }

    [Fact]
    public async Task PolicyFileThatChanges_IsTakenWithoutBeingAsked()
    {
        await using var gate = await Gate.StartAsync();
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(gate, "nobody", "payments"));
        await File.WriteAllTextAsync(gate.PolicyFile, GateSetup.Policy + "\n  - { who: [\"user:nobody\"], role: developer, where: { temporal: payments } }\n", Cancellation);
        await Eventually.AnswersAsync(() => StartAsync(gate, "nobody", "payments"), status => status == 0);
    }

    [Fact]
    public async Task PolicyFileWrittenInPieces_NeverOpensInBetween()
    {
        await using var gate = await Gate.StartAsync();
        gate.Logs.Expect(_ => true);
        var whole = "bindings:\n  - { who: [anyone], role: developer, where: { temporal: \"*\" } }\ndeny:\n  - { what: [workflow.start], who: [\"user:nobody\"] }\n";
        for (var length = 1; length <= whole.Length; length += 9)
        {
            // A prefix of this file, cut before its deny, is a valid policy; a writer must rename. What must hold: the gate never serves a file that fails to parse.
            await File.WriteAllTextAsync(gate.PolicyFile, "bindings:\n  - { who: [\"user:alice\"], role: developer, where: { temporal: payments } }\n" + whole[..length].Replace("anyone", "broken"), Cancellation);
            await gate.ReloadAsync();
            Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(gate, "nobody", "payments"));
        }
    }

    [Fact]
    public async Task ReloadUnderLoad_EachCallSeesOnePolicyFromStartToEnd()
    {
        const string A = "bindings:\n  - { who: [\"user:worker\"], role: developer, where: { temporal: payments } }\n  - { who: [\"user:worker\"], role: worker, where: { temporal: payments } }\n";
        var b = A.Replace("payments", "payroll");
        await using var gate = await Gate.StartAsync(new GateSetup { PolicyText = A });
        var token = gate.Issuer.Token("worker");
        // Needs a right in payments and one in payroll: A has the first only, B the second only. Whoever mixed them would allow it.
        var both = Both(gate.SealedToken(TaskKind.Workflow));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var counts = new int[2];
        var callers = Enumerable.Range(0, 8).Select(async caller =>
        {
            while (!stop.IsCancellationRequested)
            {
                var answer = await gate.Client.CallAsync("RespondWorkflowTaskCompleted", both, token, Cancellation);
                // Under B the worker may not answer at all, under A only not what it commands.
                Assert.Contains(answer.Status, new[] { GrpcCode.PermissionDenied, GrpcCode.InvalidArgument });
                var single = await StartAsync(gate, "worker", caller % 2 == 0 ? "payments" : "payroll");
                Assert.Contains(single, new[] { 0, GrpcCode.PermissionDenied });
                Interlocked.Increment(ref counts[single == 0 ? 0 : 1]);
            }
        }).ToList();
        for (var i = 0; i < 30; i++)
        {
            await gate.SetPolicyAsync(i % 2 == 0 ? b : A);
        }

        await stop.CancelAsync();
        await Task.WhenAll(callers);
        Assert.All(counts, count => Assert.NotEqual(0, count));
        Assert.DoesNotContain(gate.Engine.Calls, call => call.Operation == "RespondWorkflowTaskCompleted");

        await gate.StopAsync();
        // Every record names the policy that decided, and the same policy says the same of the same call.
        var records = gate.Audit.Records();
        Assert.All(records, record => Assert.False(string.IsNullOrEmpty(record["policyVersion"])));
        Assert.All(
            records.Where(record => record["operation"]!.Contains("StartWorkflowExecution", StringComparison.Ordinal)).GroupBy(record => (record["policyVersion"], record["namespace"])),
            group => Assert.Single(group.Select(record => record["decision"]).Distinct()));
    }

    private static byte[] Both(ByteString token) => new RespondWorkflowTaskCompletedRequest
    {
        Namespace = "payments",
        TaskToken = token,
        Commands =
        {
            new Command
            {
                CommandType = CommandType.StartChildWorkflowExecution,
                StartChildWorkflowExecutionCommandAttributes = new StartChildWorkflowExecutionCommandAttributes
                {
                    Namespace = "payroll", WorkflowId = "c", WorkflowType = new WorkflowType { Name = "Child" }, TaskQueue = new TaskQueue { Name = "q" },
                },
            },
        },
    }.ToByteArray();

    private static async Task<int> StartAsync(Gate gate, string user, string @namespace, params string[] groups) =>
        (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(@namespace), gate.Issuer.Token(user, groups), Cancellation)).Status;

    private static async Task AssertOldPolicyAsync(Gate gate)
    {
        Assert.Equal(0, await StartAsync(gate, "alice", "payments", "payments"));
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(gate, "alice", "payroll", "payments"));
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(gate, "nobody", "payments"));
    }
}
