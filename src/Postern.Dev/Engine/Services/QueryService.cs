using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Query.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Queries: asked by clients, answered by workers.</summary>
internal sealed class QueryService(EngineState state)
{
    public async Task<QueryWorkflowResponse> QueryAsync(QueryWorkflowRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        if (string.IsNullOrEmpty(request.Query?.QueryType))
        {
            throw StartRequests.Invalid("QueryType is not set on request.");
        }

        var (rejected, query) = state.Enter(call.Principal, () =>
        {
            var run = state.Runs.Get(space.Id, request.Execution);
            if (IsRejected(run.Status, request.QueryRejectCondition))
            {
                return ((QueryRejected?)new QueryRejected { Status = run.Status }, (PendingQuery?)null);
            }

            if (!run.Running && run.Task.LastStartedId == 0)
            {
                throw new RpcException(
                    StatusCode.FailedPrecondition, "workflow must handle at least one workflow task before it can be queried", new WorkflowNotReadyFailure());
            }

            return (null, run.Queries.Ask(request.Query));
        });
        if (query is null)
        {
            return new QueryWorkflowResponse { QueryRejected = rejected };
        }

        try
        {
            return new QueryWorkflowResponse { QueryResult = await query.Answer.WaitAsync(call.Gone) };
        }
        finally
        {
            state.Enter(() =>
            {
                query.End();
                state.QueryTasks.Remove(query.Id);
            });
        }
    }

    public RespondQueryTaskCompletedResponse Complete(RespondQueryTaskCompletedRequest request, CallContext call)
    {
        var token = QueryToken.Parse(request.TaskToken);
        if (token.TaskId.Length == 0)
        {
            throw StartRequests.Invalid("Invalid TaskQueue Task Token.");
        }

        return state.Enter(call.Principal, () =>
        {
            if (!state.QueryTasks.Remove(token.TaskId, out var query) || query.Over)
            {
                throw new RpcException(StatusCode.NotFound, "query task not found, or already expired", new NotFoundFailure());
            }

            if (request.CompletedType == QueryResultType.Answered)
            {
                query.Succeed(request.QueryResult);
            }
            else
            {
                query.Fail(request.ErrorMessage, request.Failure);
            }

            return new RespondQueryTaskCompletedResponse();
        });
    }

    private static bool IsRejected(WorkflowExecutionStatus status, QueryRejectCondition condition) => condition switch
    {
        QueryRejectCondition.NotOpen => status != WorkflowExecutionStatus.Running,
        QueryRejectCondition.NotCompletedCleanly => status is not (WorkflowExecutionStatus.Running or WorkflowExecutionStatus.Completed),
        _ => false,
    };
}
