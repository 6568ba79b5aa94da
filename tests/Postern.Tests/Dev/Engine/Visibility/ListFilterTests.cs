using Google.Protobuf;
using Postern.Dev.Engine;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Postern.Dev.Engine.Services;
using Postern.Dev.Engine.Visibility;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;

namespace Postern.Tests.Dev.Engine.Visibility;

public sealed class ListFilterTests : IDisposable
{
    private readonly EngineState state = new(new DevEngineOptions
    {
        SearchAttributes = new Dictionary<string, IndexedValueType> { ["CustomerId"] = IndexedValueType.Keyword, ["Amount"] = IndexedValueType.Double, ["Tags"] = IndexedValueType.KeywordList },
    });

    [Theory]
    [InlineData("", true)]
    [InlineData("WorkflowType='Order'", true)]
    [InlineData("WorkflowType = \"Order\"", true)]
    [InlineData("`WorkflowType`=\"Order\"", true)]
    [InlineData("WorkflowType='order'", false)]
    [InlineData("WorkflowType!='Order'", false)]
    [InlineData("WorkflowId='order-1' AND ExecutionStatus='Running'", true)]
    [InlineData("WorkflowId='order-1' AND ExecutionStatus='Completed'", false)]
    [InlineData("WorkflowId='x' OR WorkflowType='Order'", true)]
    [InlineData("WorkflowId='x' OR WorkflowType='Order' AND TaskQueue='other'", false)]
    [InlineData("(WorkflowId='x' OR WorkflowType='Order') AND TaskQueue='orders'", true)]
    [InlineData("NOT WorkflowType='Order'", false)]
    [InlineData("WorkflowId IN ('a', 'order-1')", true)]
    [InlineData("WorkflowId NOT IN ('a', 'order-1')", false)]
    [InlineData("WorkflowId STARTS_WITH 'order'", true)]
    [InlineData("CustomerId='c-1'", true)]
    [InlineData("CustomerId='it\\'s'", false)]
    [InlineData("Amount > 10", true)]
    [InlineData("Amount > 100", false)]
    [InlineData("Amount BETWEEN 12 AND 13", true)]
    [InlineData("Tags='b'", true)]
    [InlineData("CloseTime IS NULL", true)]
    [InlineData("CustomerId IS NOT NULL", true)]
    [InlineData("StartTime > '2020-01-01T00:00:00Z'", true)]
    [InlineData("StartTime < '2020-01-01T00:00:00Z'", false)]
    public void Filter_OfAQuery_TakesWhatItSays(string query, bool matches) =>
        Assert.Equal(matches, ListFilter.Parse(query, Run().Start.Namespace.SearchAttributes).Matches(Run()));

    [Theory]
    [InlineData("WorkflowType = ", "invalid query: malformed SQL query: syntax error at position 42")]
    [InlineData("Nope='x'", "invalid query: invalid search attribute: Nope")]
    [InlineData("WorkflowType='OrderWorkflow' ORDER BY StartTime DESC", "invalid query: operation is not supported: 'ORDER BY' clause")]
    [InlineData("WorkflowType 'x'", "invalid query: malformed SQL query: syntax error at position 40")]
    [InlineData("(WorkflowType='x'", "invalid query: malformed SQL query: syntax error at position 44")]
    public void Filter_OfABrokenQuery_SaysWhatTheServerSays(string query, string words)
    {
        var refusal = Assert.Throws<RpcException>(() => ListFilter.Parse(query, Run().Start.Namespace.SearchAttributes));

        Assert.Equal((StatusCode.InvalidArgument, words), (refusal.Code, refusal.Message));
    }

    [Theory]
    [InlineData("GROUP BY ExecutionStatus")]
    [InlineData("TaskQueue='orders' GROUP BY ExecutionStatus")]
    public void Filter_WithGroups_SaysSo(string query)
    {
        var filter = ListFilter.Parse(query, Run().Start.Namespace.SearchAttributes);

        Assert.True(filter.GroupByStatus);
        Assert.True(filter.Matches(Run()));
    }

    public void Dispose() => state.Dispose();

    private WorkflowRun Run()
    {
        var attributes = new SearchAttributes();
        attributes.IndexedFields["CustomerId"] = new Payload { Data = ByteString.CopyFromUtf8("\"c-1\"") };
        attributes.IndexedFields["Amount"] = new Payload { Data = ByteString.CopyFromUtf8("12.5") };
        attributes.IndexedFields["Tags"] = new Payload { Data = ByteString.CopyFromUtf8("[\"a\",\"b\"]") };
        return new WorkflowRun(state, new RunStart
        {
            Namespace = state.Namespaces.Get("payments"),
            WorkflowId = "order-1",
            RunId = Guid.NewGuid().ToString(),
            Type = "Order",
            TaskQueue = "orders",
            SearchAttributes = attributes,
        });
    }
}
