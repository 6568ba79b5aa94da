using Google.Protobuf;
using Postern.Dev.Engine;
using Postern.FunctionalTests.Dev.Engine;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Batch.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>Whose rights are conditioned on workflow types lists, counts and scans those and no others, whatever the query; a batch acts on those and no others.</summary>
public sealed partial class ListsShowOnlyWhatMayBeSeen(ListsFixture fixture) : IClassFixture<ListsFixture>
{
    private const string Describe = GrpcClient.WorkflowService + "DescribeNamespace";

    private Gate Gate => fixture.Gate;

    private string Token => Gate.Issuer.Token("carol", "reports");

    /// <summary>Queries, and what a caller with rights to Report alone sees of report-1, report-2, refund-1 and secret-1.</summary>
    [Theory]
    [InlineData("", "report-1 report-2")]
    [InlineData("WorkflowId = 'report-1'", "report-1")]
    [InlineData("WorkflowId = 'secret-1'", "")]
    [InlineData("WorkflowId = 'secret-1' OR WorkflowId = 'report-2'", "report-2")]
    [InlineData("WorkflowType = 'Secret' OR WorkflowType = 'Refund' OR ExecutionStatus = 'Running'", "report-1 report-2")]
    [InlineData("NOT WorkflowType = 'Report'", "")]
    [InlineData("NOT (WorkflowType = 'Report' AND WorkflowId = 'report-1')", "report-2")]
    [InlineData("(WorkflowType = 'Secret') OR (WorkflowType != 'Secret')", "report-1 report-2")]
    [InlineData("WorkflowId != ') OR (WorkflowType = '", "report-1 report-2")]
    public async Task Query_OfACallerWithSomeTypes_FindsThoseOnly(string query, string expected)
    {
        var list = await Gate.Client.AskAsync("ListWorkflowExecutions", new ListWorkflowExecutionsRequest { Namespace = "payments", Query = query }, Token);
        Assert.True(list.Status == 0, list.Message);
        Assert.Equal(expected, Ids(ListWorkflowExecutionsResponse.Parser.ParseFrom(GrpcFrame.Message(list.Body)).Executions.Select(e => e.Execution.WorkflowId)));

        var scan = await Gate.Client.AskAsync("ScanWorkflowExecutions", new ScanWorkflowExecutionsRequest { Namespace = "payments", Query = query }, Token);
        Assert.Equal(expected, Ids(ScanWorkflowExecutionsResponse.Parser.ParseFrom(GrpcFrame.Message(scan.Body)).Executions.Select(e => e.Execution.WorkflowId)));

        var count = await Gate.Client.AskAsync("CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payments", Query = query }, Token);
        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length, CountWorkflowExecutionsResponse.Parser.ParseFrom(GrpcFrame.Message(count.Body)).Count);
    }

    /// <summary>Rules on beginnings of types, and what is seen under them of Report, Report, Refund and Secret.</summary>
    [Theory]
    [InlineData("workflowType: \"Re*\"", "", "refund-1 report-1 report-2")]
    [InlineData("workflowType: [\"Rep*\", Secret]", "", "report-1 report-2 secret-1")]
    [InlineData("workflowType: [\"Rep*\", \"Sec*\", Nothing]", "", "report-1 report-2 secret-1")]
    [InlineData("workflowType: \"re*\"", "", "")]
    [InlineData("workflowType: \"Re%*\"", "", "")]
    [InlineData("workflowType: \"*\"", "workflowType: \"Re*\"", "secret-1")]
    [InlineData("workflowType: \"*\"", "workflowType: [\"Sec*\", Refund]", "report-1 report-2")]
    [InlineData("workflowType: \"Re*\"", "workflowType: [\"Ref*\", Other]", "report-1 report-2")]
    [InlineData("workflowType: [\"Re*\", Secret]", "workflowType: \"Ref*\"", "report-1 report-2 secret-1")]
    public async Task Query_UnderRulesOnHowTypesBegin_FindsThoseOnly(string binding, string deny, string expected)
    {
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            EngineAddresses = $"\"{fixture.EngineAddress}\"",
            PolicyText = $"bindings: [ {{ who: [\"group:reports\"], role: viewer, where: {{ temporal: payments, {binding} }} }} ]\n"
                + (deny.Length == 0 ? "" : $"deny: [ {{ what: [\"workflow.*\"], where: {{ {deny} }} }} ]\n"),
        });
        var token = gate.Issuer.Token("carol", "reports");
        foreach (var (query, seen) in new[] { ("", expected), ("WorkflowType = 'Secret' OR WorkflowId != 'x'", expected), ("WorkflowId STARTS_WITH 'x'", "") })
        {
            var list = await gate.Client.AskAsync("ListWorkflowExecutions", new ListWorkflowExecutionsRequest { Namespace = "payments", Query = query }, token);
            Assert.True(list.Status == 0, list.Message);
            Assert.Equal(seen, Ids(ListWorkflowExecutionsResponse.Parser.ParseFrom(GrpcFrame.Message(list.Body)).Executions.Select(e => e.Execution.WorkflowId)));
        }
    }

    [Theory]
    [InlineData("*port")]
    [InlineData("R*t")]
    public async Task Query_UnderAPatternThatNoQuerySays_CannotBeTold(string pattern)
    {
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            PolicyText = $"bindings: [ {{ who: [\"group:reports\"], role: viewer, where: {{ temporal: payments, workflowType: \"{pattern}\" }} }} ]",
        });
        var answer = await gate.Client.AskAsync("ListWorkflowExecutions", new ListWorkflowExecutionsRequest { Namespace = "payments" }, gate.Issuer.Token("carol", "reports"));
        Assert.Equal(GrpcCode.Unavailable, answer.Status);
        Assert.Empty(gate.Engine.Calls);
    }

    [Fact]
    public async Task ArchivedList_WhoseGrammarIsTheArchives_CannotBeTold()
    {
        var request = new ListArchivedWorkflowExecutionsRequest { Namespace = "payments", Query = "WorkflowType = 'Report'" };
        Assert.Equal(GrpcCode.Unavailable, (await Gate.Client.AskAsync("ListArchivedWorkflowExecutions", request, Token)).Status);
    }

    [Fact]
    public async Task Query_OfACallerWithoutConditions_IsHisOwn()
    {
        var list = await Gate.Client.AskAsync("ListWorkflowExecutions", new ListWorkflowExecutionsRequest { Namespace = "payments" }, Gate.Issuer.Token("bob", "viewers"));
        Assert.Equal("refund-1 report-1 report-2 secret-1", Ids(ListWorkflowExecutionsResponse.Parser.ParseFrom(GrpcFrame.Message(list.Body)).Executions.Select(e => e.Execution.WorkflowId)));
    }

    [Fact]
    public async Task Count_Grouped_IsOfThoseTypesOnly()
    {
        var count = await Gate.Client.AskAsync("CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payments", Query = "GROUP BY ExecutionStatus" }, Token);
        Assert.Equal(2, Assert.Single(CountWorkflowExecutionsResponse.Parser.ParseFrom(GrpcFrame.Message(count.Body)).Groups).Count);
    }

    [Fact]
    public async Task Pages_OfANarrowedList_AreOfThoseTypesOnly()
    {
        var seen = new List<string>();
        var request = new ListWorkflowExecutionsRequest { Namespace = "payments", PageSize = 1 };
        do
        {
            var list = await Gate.Client.AskAsync("ListWorkflowExecutions", request, Token);
            var page = ListWorkflowExecutionsResponse.Parser.ParseFrom(GrpcFrame.Message(list.Body));
            seen.AddRange(page.Executions.Select(e => e.Execution.WorkflowId));
            request.NextPageToken = page.NextPageToken;
        }
        while (!request.NextPageToken.IsEmpty);

        Assert.Equal("report-1 report-2", Ids(seen));
    }

    /// <summary>What could get out of the parentheses, or isn't understood.</summary>
    [Theory]
    [InlineData("WorkflowId = 'x') OR (WorkflowType = 'Secret'")]
    [InlineData("WorkflowType = 'Secret' --")]
    [InlineData("WorkflowType = 'Secret' /*")]
    [InlineData("WorkflowType = 'Secret' /* */ OR WorkflowId = 'x'")]
    [InlineData("WorkflowType = 'Secret' #")]
    [InlineData("WorkflowType = 'Secret';")]
    [InlineData("WorkflowId = '\\' OR WorkflowType = \\'Secret'")]
    [InlineData("WorkflowId = 'x''' OR WorkflowType = 'Secret'")]
    [InlineData("WorkflowType = 'Secret' UNION SELECT 1")]
    [InlineData("WorkflowType = 'Secret' LIMIT 1")]
    public async Task Query_ThatIsNotUnderstood_IsRefusedUnread(string query)
    {
        foreach (var (method, message) in new (string, IMessage)[]
        {
            ("ListWorkflowExecutions", new ListWorkflowExecutionsRequest { Namespace = "payments", Query = query }),
            ("ScanWorkflowExecutions", new ScanWorkflowExecutionsRequest { Namespace = "payments", Query = query }),
            ("CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payments", Query = query }),
        })
        {
            var answer = await Gate.Client.AskAsync(method, message, Token);
            Assert.Equal((GrpcCode.InvalidArgument, 0), (answer.Status, answer.Body.Length));
            Assert.StartsWith("The query can't be narrowed", answer.Message);
        }
    }

    [Fact]
    public async Task Query_SaidTwice_IsNarrowedAsTheEngineReadsIt()
    {
        byte[] message =
        [
            .. new ListWorkflowExecutionsRequest { Namespace = "payments", Query = "WorkflowId = 'report-1'" }.ToByteArray(),
            .. new ListWorkflowExecutionsRequest { Query = "WorkflowId = 'report-2' OR WorkflowId = 'secret-1'" }.ToByteArray(),
        ];
        var list = await Gate.Client.CallAsync("ListWorkflowExecutions", message, Token, TestContext.Current.CancellationToken);
        Assert.Equal("report-2", Ids(ListWorkflowExecutionsResponse.Parser.ParseFrom(GrpcFrame.Message(list.Body)).Executions.Select(e => e.Execution.WorkflowId)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Query_Compressed_IsNarrowedToo(bool compressed)
    {
        await using var client = await Gate.ConnectAsync();
        var message = new ListWorkflowExecutionsRequest { Namespace = "payments", Query = "WorkflowId != 'report-1'" }.ToByteArray();
        var headers = RawHttp2.CallHeaders(GrpcClient.WorkflowService + "ListWorkflowExecutions", Token, compressed ? [("grpc-encoding", "gzip")] : []);
        var answer = await client.CallAsync(headers, compressed ? GrpcFrame.GzipOf(message) : GrpcFrame.Of(message));
        Assert.Equal("report-2", Ids(ListWorkflowExecutionsResponse.Parser.ParseFrom(GrpcFrame.Message(answer.Body)).Executions.Select(e => e.Execution.WorkflowId)));
    }

    [Fact]
    public async Task OldLists_AreDecidedByTheirTypeFilter()
    {
        async Task<GrpcResult> OpenAsync(string? type) => await Gate.Client.AskAsync(
            "ListOpenWorkflowExecutions", new ListOpenWorkflowExecutionsRequest { Namespace = "payments", TypeFilter = type is null ? null : new() { Name = type } }, Token);
        var own = await OpenAsync("Report");
        Assert.Equal("report-1 report-2", Ids(ListOpenWorkflowExecutionsResponse.Parser.ParseFrom(GrpcFrame.Message(own.Body)).Executions.Select(e => e.Execution.WorkflowId)));
        Assert.Equal(GrpcCode.PermissionDenied, (await OpenAsync("Secret")).Status);
        Assert.Equal(GrpcCode.Unavailable, (await OpenAsync(null)).Status);
    }

    /// <summary>By a caller with rights elsewhere, and by one with rights everywhere but there: what the engine says of a namespace that isn't there, byte for byte.</summary>
    [Theory]
    [InlineData("carol", "reports")]
    [InlineData("dave", "nobody")]
    [InlineData("erin", "everywhere")]
    public async Task DescribeNamespace_ThatMayNotBeSeen_IsAnsweredAsOneThatIsNotThere(string subject, string group)
    {
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            EngineAddresses = $"\"{fixture.EngineAddress}\"",
            PolicyText = """
                bindings:
                  - { who: ["group:reports"], role: runner, where: { temporal: payments, workflowType: [Report] } }
                  - { who: ["group:everywhere", "user:root"], role: viewer, where: { temporal: "*" } }
                deny:
                  - { what: [namespace.read], who: ["group:everywhere"], where: { temporal: "payroll" } }
                """,
        });
        var token = gate.Issuer.Token(subject, group);
        foreach (var name in new[] { "payroll", "nöt there", "temporal-system" })
        {
            if (group == "everywhere" && name != "payroll")
            {
                continue;
            }

            await using var client = await gate.ConnectAsync();
            await using var engine = await RawHttp2.ConnectAsync(fixture.EngineAddress);
            var hidden = await client.CallAsync(RawHttp2.CallHeaders(Describe, token, ("grpc-timeout", "30S")), GrpcFrame.Of(Requests.Field(1, name)));
            // The same question to the engine alone, about one of the same name that truly isn't there: here renamed back.
            var absent = await engine.CallAsync(RawHttp2.CallHeaders(Describe, null, ("grpc-timeout", "30S")), GrpcFrame.Of(Requests.Field(1, name == "payroll" ? "payrolX" : name)));
            Assert.Equal(GrpcCode.NotFound, hidden.Status);
            Assert.Equal(absent.Message.Replace("payrolX", "payroll"), hidden.Message);
            Assert.Equal(Plain(absent.Details!).Replace("payrolX", "payroll"), Plain(hidden.Details!));
            Assert.Equal(
                absent.Headers.Where(h => h.Name is not ("date" or "grpc-message" or "grpc-status-details-bin")).Order(),
                hidden.Headers.Where(h => h.Name is not ("date" or "grpc-message" or "grpc-status-details-bin")).Order());
            Assert.Empty(hidden.Body);
        }

        Assert.Equal(0, (await gate.Client.AskAsync("DescribeNamespace", new DescribeNamespaceRequest { Namespace = "payroll" }, gate.Issuer.Token("root"))).Status);
    }

    /// <summary>By its id too, and neither its name nor whether the id is anybody's comes out.</summary>
    [Theory]
    [InlineData("DescribeNamespace", GrpcCode.NotFound)]
    [InlineData(GrpcClient.OperatorService + "DeleteNamespace", GrpcCode.PermissionDenied)]
    public async Task Namespace_ThatMayNotBeSeen_IsNotNamedToWhoAsksByItsId(string method, int status)
    {
        using var engine = new GrpcClient(fixture.EngineAddress);
        var real = (await engine.OkAsync<DescribeNamespaceResponse>("DescribeNamespace", new DescribeNamespaceRequest { Namespace = "payroll" })).NamespaceInfo.Id;
        var seen = new List<string>();
        foreach (var id in new[] { real, Guid.CreateVersion7().ToString() })
        {
            IMessage request = method == "DescribeNamespace" ? new DescribeNamespaceRequest { Id = id } : new Temporalio.Api.OperatorService.V1.DeleteNamespaceRequest { NamespaceId = id };
            var answer = await Gate.Client.AskAsync(method, request, Token);
            Assert.Equal(status, answer.Status);
            var text = answer.Message + Plain(answer.Details!);
            Assert.DoesNotContain("payroll", text);
            seen.Add(System.Text.RegularExpressions.Regex.Replace(text.Replace(id, "ID"), @"\[call \w+\]", "[call]"));
        }

        Assert.Equal(seen[0], seen[1]);
    }

    private static string Plain(string details) => System.Text.Encoding.Latin1.GetString(Convert.FromBase64String(details.PadRight((details.Length + 3) / 4 * 4, '=')));

    private static string Ids(IEnumerable<string> ids) => string.Join(' ', ids.Order(StringComparer.Ordinal));
}
