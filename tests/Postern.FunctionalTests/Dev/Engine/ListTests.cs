using Google.Protobuf;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.OperatorService.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>Namespaces and workflows in lists; search attributes from their making to a query that names them.</summary>
public sealed class ListTests
{
    private const string Operator = "/temporal.api.operatorservice.v1.OperatorService/";

    [Fact]
    public async Task SearchAttributes_Added_AreSetAndChangedAndAskedFor_AndRemoved()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var worker = new EngineWorker(client, "payments");
        Assert.Equal("invalid query: invalid search attribute: Region", (await CountAsync(client, "Region = 'north'")).Message);
        await client.OkAsync<AddSearchAttributesResponse>(
            Operator + "AddSearchAttributes", new AddSearchAttributesRequest { Namespace = "payments", SearchAttributes = { ["Region"] = IndexedValueType.Keyword } });
        var listed = await client.OkAsync<ListSearchAttributesResponse>(Operator + "ListSearchAttributes", new ListSearchAttributesRequest { Namespace = "payments" });
        Assert.Equal(IndexedValueType.Keyword, listed.CustomAttributes["Region"]);
        Assert.Equal(IndexedValueType.Keyword, listed.SystemAttributes["WorkflowType"]);

        await worker.StartAsync("w", r => r.SearchAttributes = Region("north"));
        Assert.Equal((1, 0), (await CountedAsync(client, "Region = 'north'"), await CountedAsync(client, "Region = 'south'")));
        await worker.AnswerAsync(new Command
        {
            CommandType = CommandType.UpsertWorkflowSearchAttributes,
            UpsertWorkflowSearchAttributesCommandAttributes = new UpsertWorkflowSearchAttributesCommandAttributes { SearchAttributes = Region("south") },
        });
        Assert.Equal((0, 1), (await CountedAsync(client, "Region = 'north'"), await CountedAsync(client, "Region = 'south' AND ExecutionStatus = 'Running'")));
        var found = await client.OkAsync<ListWorkflowExecutionsResponse>(
            "ListWorkflowExecutions", new ListWorkflowExecutionsRequest { Namespace = "payments", Query = "Region STARTS_WITH 'sou'" });
        Assert.Equal("Keyword", Assert.Single(found.Executions).SearchAttributes.IndexedFields["Region"].Metadata["type"].ToStringUtf8());

        await client.OkAsync<RemoveSearchAttributesResponse>(
            Operator + "RemoveSearchAttributes", new RemoveSearchAttributesRequest { Namespace = "payments", SearchAttributes = { "Region" } });
        Assert.Equal("invalid query: invalid search attribute: Region", (await CountAsync(client, "Region = 'south'")).Message);
        // Another namespace never had it.
        Assert.Equal(3, (await client.AskAsync("CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payroll", Query = "Region = 'x'" })).Status);
    }

    [Fact]
    public async Task SearchAttributes_ThatMakeNoSense_AreRefused()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());

        var none = await client.AskAsync(Operator + "AddSearchAttributes", new AddSearchAttributesRequest { Namespace = "payments" });
        var system = await client.AskAsync(
            Operator + "AddSearchAttributes", new AddSearchAttributesRequest { Namespace = "payments", SearchAttributes = { ["WorkflowId"] = IndexedValueType.Keyword } });
        var absent = await client.AskAsync(Operator + "RemoveSearchAttributes", new RemoveSearchAttributesRequest { Namespace = "payments", SearchAttributes = { "Nope" } });

        Assert.Equal((3, "SearchAttributes are not set on request."), (none.Status, none.Message));
        Assert.Equal((3, "Search attribute WorkflowId is reserved by system."), (system.Status, system.Message));
        Assert.Equal((5, "Search attribute Nope doesn't exist."), (absent.Status, absent.Message));
    }

    [Fact]
    public async Task Count_ByStatus_GivesAGroupForEach()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var worker = new EngineWorker(client, "payments");
        await worker.StartAsync("done");
        await worker.AnswerAsync(EngineWorker.Complete());
        await worker.StartAsync("open-1");
        await worker.StartAsync("open-2");

        var counted = await client.OkAsync<CountWorkflowExecutionsResponse>(
            "CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payments", Query = "WorkflowType = 'Work' GROUP BY ExecutionStatus" });

        Assert.Equal(3, counted.Count);
        Assert.Equal([("\"Running\"", 2L), ("\"Completed\"", 1L)], counted.Groups.Select(g => (Assert.Single(g.GroupValues).Data.ToStringUtf8(), g.Count)));
        Assert.Equal(3, (await CountAsync(client, "GROUP BY WorkflowType")).Status);
    }

    [Fact]
    public async Task Namespaces_InPages_AreAll_AndDescribedByIdAsByName()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var all = new List<DescribeNamespaceResponse>();
        var token = ByteString.Empty;
        do
        {
            var page = await client.OkAsync<ListNamespacesResponse>("ListNamespaces", new ListNamespacesRequest { PageSize = 3, NextPageToken = token });
            Assert.InRange(page.Namespaces.Count, 1, 3);
            all.AddRange(page.Namespaces);
            token = page.NextPageToken;
        }
        while (!token.IsEmpty);

        Assert.Equal(["default", "payments", "payroll", "reports"], all.Select(n => n.NamespaceInfo.Name).Order());
        Assert.All(all, n => Assert.True(Guid.TryParse(n.NamespaceInfo.Id, out _)));
        var payments = all.Single(n => n.NamespaceInfo.Name == "payments");
        Assert.Equal(payments, await client.OkAsync<DescribeNamespaceResponse>("DescribeNamespace", new DescribeNamespaceRequest { Id = payments.NamespaceInfo.Id }));
        Assert.Equal(3, (await client.AskAsync("ListNamespaces", new ListNamespacesRequest { NextPageToken = ByteString.CopyFromUtf8("x") })).Status);
    }

    [Fact]
    public async Task Namespace_DeletedById_IsGone()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var id = (await client.OkAsync<DescribeNamespaceResponse>("DescribeNamespace", new DescribeNamespaceRequest { Namespace = "reports" })).NamespaceInfo.Id;

        await client.OkAsync<DeleteNamespaceResponse>(Operator + "DeleteNamespace", new DeleteNamespaceRequest { NamespaceId = id });

        Assert.Equal(GrpcCode.NotFound, (await client.AskAsync("DescribeNamespace", new DescribeNamespaceRequest { Id = id })).Status);
        Assert.Equal(GrpcCode.NotFound, (await client.AskAsync("DescribeNamespace", new DescribeNamespaceRequest { Namespace = "reports" })).Status);
    }

    [Fact]
    public async Task HistoryBackwards_StaysWithItsRun_WhenTheNextOneHasBegun()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var worker = new EngineWorker(client, "payments");
        var first = await worker.StartAsync("w");
        await worker.AnswerAsync(EngineWorker.Complete());
        var request = new GetWorkflowExecutionHistoryReverseRequest { Namespace = "payments", Execution = new WorkflowExecution { WorkflowId = "w" }, MaximumPageSize = 2 };
        var page = await client.OkAsync<GetWorkflowExecutionHistoryReverseResponse>("GetWorkflowExecutionHistoryReverse", request);
        Assert.NotEqual(first, await worker.StartAsync("w"));

        request.NextPageToken = page.NextPageToken;
        var next = await client.OkAsync<GetWorkflowExecutionHistoryReverseResponse>("GetWorkflowExecutionHistoryReverse", request);

        Assert.Equal([5, 4, 3, 2], page.History.Events.Concat(next.History.Events).Select(e => e.EventId));
    }

    private static SearchAttributes Region(string value) => new() { IndexedFields = { ["Region"] = EngineWorker.Json($"\"{value}\"") } };

    private static Task<GrpcResult> CountAsync(GrpcClient client, string query) =>
        client.AskAsync("CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payments", Query = query });

    private static async Task<long> CountedAsync(GrpcClient client, string query) =>
        (await client.OkAsync<CountWorkflowExecutionsResponse>("CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payments", Query = query })).Count;
}
