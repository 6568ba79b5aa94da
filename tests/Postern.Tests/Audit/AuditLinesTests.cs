using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Postern.Audit;
using Postern.Model;

namespace Postern.Tests.Audit;

public sealed class AuditLinesTests
{
    internal static readonly AuditRecord Full = new()
    {
        Time = new DateTimeOffset(2026, 1, 31, 13, 0, 0, TimeSpan.FromHours(1)), CallId = "01JD", Class = AuditClass.Write, Caller = "okta/alice@example.com",
        CallerKind = CallerKind.Agent, Credential = "k", TokenId = "j", SessionId = "s", Actors = "okta/bot", SourceAddress = "10.1.2.3", Engine = "temporal/main",
        Operation = "StartWorkflowExecution", Permission = "workflow.start", Namespace = "payments", MoreNamespaces = "a,b",
        Prefect = new PrefectFacts
        {
            WorkPool = "procs", WorkQueue = "default", Worker = "worker-1", Flow = "etl", FlowId = "f", Deployment = "nightly", DeploymentId = "d", FlowRunId = "r", FlowRunName = "blue-fox", TaskRunId = "t",
            Parameters = "n", State = "CANCELLING", StateStatus = "ACCEPT", Object = "Automation a",
        },
        TaskQueue = "q",
        WorkflowId = "w", WorkflowType = "Refund", RunId = "r", Target = "t", Decision = DecisionKind.CannotTell, Rule = "bindings[3]", PolicyVersion = "7",
        Refusal = RefusalReason.UnknownOperation, Detail = "d", GrpcStatus = 14, Duration = TimeSpan.FromMilliseconds(2.5), RequestBytes = 10, ResponseBytes = 20,
    };

    [Fact]
    public void Add_FullRecord_WritesEveryFieldUnderItsName()
    {
        Assert.Equal(
            """
            {"event":"call","time":"2026-01-31T12:00:00Z","id":"01JD","class":"write","caller":"okta/alice@example.com","kind":"agent","credential":"k","jti":"j","sid":"s","actors":"okta/bot","source":"10.1.2.3","engine":"temporal/main","operation":"StartWorkflowExecution","permission":"workflow.start","namespace":"payments","moreNamespaces":"a,b","taskQueue":"q","workflowType":"Refund","workflowId":"w","runId":"r","target":"t","workPool":"procs","workQueue":"default","worker":"worker-1","flow":"etl","flowId":"f","deployment":"nightly","deploymentId":"d","flowRunId":"r","flowRunName":"blue-fox","taskRunId":"t","parameters":"n","state":"CANCELLING","stateStatus":"ACCEPT","object":"Automation a","decision":"cannot-tell","rule":"bindings[3]","policyVersion":"7","refusal":"unknown-operation","detail":"d","status":14,"durationUs":2500,"requestBytes":10,"responseBytes":20}

            """,
            Write(AuditEvent.Call, Full),
            ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Add_Intent_HoldsNoOutcome()
    {
        var line = Write(AuditEvent.Intent, new AuditRecord { CallId = "1", Engine = "e", Operation = "o", Detail = "d", GrpcStatus = 3 });

        Assert.StartsWith("{\"event\":\"intent\"", line, StringComparison.Ordinal);
        Assert.DoesNotContain("status", line, StringComparison.Ordinal);
        Assert.DoesNotContain("detail", line, StringComparison.Ordinal);
        Assert.DoesNotContain("caller", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("line\nbreak")]
    [InlineData("\",\"decision\":\"allow\",\"x\":\"")]
    [InlineData("\u001b[2Jcleared")]
    [InlineData("\u202eright to left")]
    [InlineData("\u2028separator \u0085 next line")]
    [InlineData("\ud800 half a pair")]
    [InlineData("grüße 日本 🚪")]
    public void Add_HostileName_IsOneAsciiLineThatReadsBack(string name)
    {
        var line = Write(AuditEvent.Call, new AuditRecord { CallId = "1", Engine = "e", Operation = "o", WorkflowId = name });

        Assert.Equal(1, line.Count(c => c == '\n'));
        Assert.All(line.TrimEnd('\n'), c => Assert.InRange(c, ' ', '~'));
        using var json = JsonDocument.Parse(line);
        Assert.Equal(name.Replace('\ud800', '\ufffd').Length, json.RootElement.GetProperty("workflowId").GetString()!.Length);
        Assert.Equal("deny", json.RootElement.GetProperty("decision").GetString());
    }

    [Fact]
    public void Add_AnyText_ReadsBackAsWritten() =>
        Prop.ForAll<NonNull<string>>(text =>
        {
            var line = Write(AuditEvent.Call, new AuditRecord { CallId = "1", Engine = "e", Operation = "o", WorkflowId = text.Get, Caller = text.Get });
            using var json = JsonDocument.Parse(line);
            var expected = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text.Get));
            return line.IndexOf('\n', StringComparison.Ordinal) == line.Length - 1
                && json.RootElement.GetProperty("workflowId").GetString() == expected && json.RootElement.GetProperty("caller").GetString() == expected;
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(1024, false)]
    [InlineData(1025, true)]
    [InlineData(4_000_000, true)]
    public void Add_LongName_IsCut(int length, bool isCut)
    {
        var line = Write(AuditEvent.Call, new AuditRecord { CallId = "1", Engine = "e", Operation = "o", WorkflowId = new string('\u0001', length) });

        Assert.Equal(isCut, line.Contains($"... ({length} characters)", StringComparison.Ordinal));
        Assert.InRange(line.Length, 1, 8_000);
    }

    [Fact]
    public void Add_CutBetweenSurrogates_KeepsThePairWhole()
    {
        var line = Write(AuditEvent.Call, new AuditRecord { CallId = "1", Engine = "e", Operation = "o", WorkflowId = new string('a', 1023) + "🚪🚪" });

        Assert.DoesNotContain("ufffd", line, StringComparison.OrdinalIgnoreCase);
    }

    private static string Write(AuditEvent kind, in AuditRecord record)
    {
        using var lines = new AuditLines();
        lines.Add(kind, record);
        return Encoding.UTF8.GetString(lines.Written.Span);
    }
}
