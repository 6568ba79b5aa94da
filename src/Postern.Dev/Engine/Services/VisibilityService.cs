using Google.Protobuf;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Postern.Dev.Engine.Visibility;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Filter.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Listing and counting workflows.</summary>
internal sealed class VisibilityService(EngineState state)
{
    private const int MaxPage = 1000;

    public ListWorkflowExecutionsResponse List(ListWorkflowExecutionsRequest request, CallContext call)
    {
        var (page, next) = Page(request.Namespace, request.Query, null, request.PageSize, request.NextPageToken, call);
        return new ListWorkflowExecutionsResponse { Executions = { page }, NextPageToken = next };
    }

    public ScanWorkflowExecutionsResponse Scan(ScanWorkflowExecutionsRequest request, CallContext call)
    {
        var (page, next) = Page(request.Namespace, request.Query, null, request.PageSize, request.NextPageToken, call);
        return new ScanWorkflowExecutionsResponse { Executions = { page }, NextPageToken = next };
    }

    public ListOpenWorkflowExecutionsResponse ListOpen(ListOpenWorkflowExecutionsRequest request, CallContext call)
    {
        bool Wanted(WorkflowRun run) => run.Running
            && Within(run.StartTime, request.StartTimeFilter)
            && (request.ExecutionFilter is null || run.WorkflowId == request.ExecutionFilter.WorkflowId)
            && (request.TypeFilter is null || run.Start.Type == request.TypeFilter.Name);
        var (page, next) = Page(request.Namespace, "", Wanted, request.MaximumPageSize, request.NextPageToken, call);
        return new ListOpenWorkflowExecutionsResponse { Executions = { page }, NextPageToken = next };
    }

    public ListClosedWorkflowExecutionsResponse ListClosed(ListClosedWorkflowExecutionsRequest request, CallContext call)
    {
        bool Wanted(WorkflowRun run) => run.CloseTime is { } closed
            && Within(closed, request.StartTimeFilter)
            && (request.ExecutionFilter is null || run.WorkflowId == request.ExecutionFilter.WorkflowId)
            && (request.TypeFilter is null || run.Start.Type == request.TypeFilter.Name)
            && (request.StatusFilter is null || run.Status == request.StatusFilter.Status);
        var (page, next) = Page(request.Namespace, "", Wanted, request.MaximumPageSize, request.NextPageToken, call);
        return new ListClosedWorkflowExecutionsResponse { Executions = { page }, NextPageToken = next };
    }

    public static ListArchivedWorkflowExecutionsResponse ListArchived(ListArchivedWorkflowExecutionsRequest request, CallContext call) =>
        throw StartRequests.Invalid("Cluster is not configured for visibility archival.");

    public CountWorkflowExecutionsResponse Count(CountWorkflowExecutionsRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            var filter = ListFilter.Parse(request.Query, space.SearchAttributes);
            var matching = state.Runs.In(space.Id).Where(filter.Matches).ToList();
            var answer = new CountWorkflowExecutionsResponse { Count = matching.Count };
            if (filter.GroupByStatus)
            {
                foreach (var group in matching.GroupBy(r => r.Status).OrderBy(g => g.Key))
                {
                    var name = new Payload { Data = ByteString.CopyFromUtf8($"\"{group.Key}\"") };
                    name.Metadata["encoding"] = ByteString.CopyFromUtf8("json/plain");
                    name.Metadata["type"] = ByteString.CopyFromUtf8("Keyword");
                    answer.Groups.Add(new CountWorkflowExecutionsResponse.Types.AggregationGroup { Count = group.Count(), GroupValues = { name } });
                }
            }

            return answer;
        });
    }

    private static bool Within(DateTimeOffset time, StartTimeFilter? filter) =>
        (filter?.EarliestTime is not { } earliest || time >= earliest.ToDateTimeOffset())
        && (filter?.LatestTime is not { } latest || time <= latest.ToDateTimeOffset());

    // Open ones first, then by when they ended and started, newest first: the server's order. A page token names the last one given.
    private (IEnumerable<WorkflowExecutionInfo> Page, ByteString Next) Page(
        string namespaceName, string query, Func<WorkflowRun, bool>? wanted, int size, ByteString token, CallContext call)
    {
        var space = state.Namespaces.Get(namespaceName);
        size = size is <= 0 or > MaxPage ? MaxPage : size;
        return state.Enter(call.Principal, () =>
        {
            var filter = ListFilter.Parse(query, space.SearchAttributes);
            if (filter.GroupByStatus)
            {
                throw new RpcException(StatusCode.InvalidArgument, "invalid query: operation is not supported: 'GROUP BY' clause");
            }

            var ordered = state.Runs.In(space.Id)
                .Where(r => filter.Matches(r) && (wanted is null || wanted(r)))
                .OrderByDescending(r => r.CloseTime ?? DateTimeOffset.MaxValue)
                .ThenByDescending(r => r.StartTime)
                .ThenByDescending(r => r.RunId, StringComparer.Ordinal)
                .ToList();
            var from = 0;
            if (!token.IsEmpty)
            {
                var last = TaskToken.Parse(token).RunId;
                from = ordered.FindIndex(r => r.RunId == last) + 1;
                if (from == 0)
                {
                    throw StartRequests.Invalid("Invalid NextPageToken.");
                }
            }

            var page = ordered.Skip(from).Take(size).ToList();
            var next = from + page.Count < ordered.Count ? new TaskToken { RunId = page[^1].RunId }.ToBytes() : ByteString.Empty;
            return ((IEnumerable<WorkflowExecutionInfo>)page.Select(DescribeService.Info).ToList(), next);
        });
    }
}
