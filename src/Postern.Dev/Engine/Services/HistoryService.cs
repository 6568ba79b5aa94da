using Google.Protobuf;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Reading histories: in pages, waiting for news, or only the end.</summary>
internal sealed class HistoryService(EngineState state)
{
    private const int DefaultPage = 256;
    private const int MaxPage = 1000;

    public async Task<GetWorkflowExecutionHistoryResponse> GetAsync(GetWorkflowExecutionHistoryRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        var page = PageToken.Parse(request.NextPageToken);
        var until = LongPoll.Wait(state, call);
        var onlyClose = request.HistoryEventFilterType == HistoryEventFilterType.CloseEvent;
        while (true)
        {
            var (answer, change) = state.Enter(call.Principal, () =>
            {
                var run = state.Runs.Get(space.Id, page is null ? request.Execution : new WorkflowExecution { WorkflowId = request.Execution?.WorkflowId ?? "", RunId = page.RunId });
                // Who asks for the current run waits for that one, not for the one after it.
                page ??= new PageToken(run.RunId, 1);
                var answer = onlyClose ? Close(run, request.WaitNewEvent, call) : Page(run, page.NextId, request);
                return (answer, answer is null ? run.Log.WatchAsync() : null);
            });
            if (answer is not null)
            {
                return answer;
            }

            if (!await LongPoll.For(state, change!, until, call.Gone))
            {
                return state.Enter(call.Principal, () => Nothing(space.Id, request, page));
            }
        }
    }

    public GetWorkflowExecutionHistoryReverseResponse GetReverse(GetWorkflowExecutionHistoryReverseRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        var page = PageToken.Parse(request.NextPageToken);
        return state.Enter(call.Principal, () =>
        {
            // A page belongs to the run that the first one was of, whatever the current run is now.
            var run = state.Runs.Get(space.Id, page is null ? request.Execution : new WorkflowExecution { WorkflowId = request.Execution?.WorkflowId ?? "", RunId = page.RunId });
            var last = page?.NextId ?? run.Log.Events.Count;
            var answer = new GetWorkflowExecutionHistoryReverseResponse { History = new History() };
            var first = Math.Max(1, last - Size(request.MaximumPageSize) + 1);
            for (var id = last; id >= first; id--)
            {
                answer.History.Events.Add(run.Log.Events[(int)id - 1]);
            }

            if (first > 1)
            {
                answer.NextPageToken = new PageToken(run.RunId, first - 1).ToBytes();
            }

            return answer;
        });
    }

    private static int Size(int asked) => asked <= 0 ? DefaultPage : Math.Min(asked, MaxPage);

    // The page from an event on; null when there is none yet and the caller wants to wait for it.
    private static GetWorkflowExecutionHistoryResponse? Page(WorkflowRun run, long from, GetWorkflowExecutionHistoryRequest request)
    {
        var events = run.Log.Events;
        if (request.WaitNewEvent && run.Running && from > events.Count)
        {
            return null;
        }

        var answer = new GetWorkflowExecutionHistoryResponse { History = new History() };
        var to = Math.Min(events.Count, from - 1 + Size(request.MaximumPageSize));
        for (var i = (int)from - 1; i < to; i++)
        {
            answer.History.Events.Add(events[i]);
        }

        if (to < events.Count || (request.WaitNewEvent && run.Running))
        {
            answer.NextPageToken = new PageToken(run.RunId, to + 1).ToBytes();
        }

        return answer;
    }

    private static GetWorkflowExecutionHistoryResponse? Close(WorkflowRun run, bool wait, CallContext call)
    {
        if (run.Running && wait)
        {
            return null;
        }

        var answer = new GetWorkflowExecutionHistoryResponse { History = new History() };
        var last = run.Log.Events[^1];
        answer.History.Events.Add(run.NewRunId.Length > 0 && !call.FollowsRuns ? Followed(last, run.NewRunId) : last);
        return answer;
    }

    private GetWorkflowExecutionHistoryResponse Nothing(string namespaceId, GetWorkflowExecutionHistoryRequest request, PageToken? page)
    {
        var run = state.Runs.Get(namespaceId, new WorkflowExecution { WorkflowId = request.Execution?.WorkflowId ?? "", RunId = page?.RunId ?? request.Execution?.RunId ?? "" });
        return new GetWorkflowExecutionHistoryResponse
        {
            History = new History(),
            NextPageToken = new PageToken(run.RunId, page?.NextId ?? 1).ToBytes(),
        };
    }

    // Clients that don't know that an ended run can name its successor learn it as they always did: from a run that was continued.
    private static HistoryEvent Followed(HistoryEvent last, string newRunId)
    {
        if (last.EventType == EventType.WorkflowExecutionContinuedAsNew)
        {
            return last;
        }

        var attributes = new WorkflowExecutionContinuedAsNewEventAttributes { NewExecutionRunId = newRunId };
#pragma warning disable CS0612 // The very clients that this is for read the deprecated field.
        attributes.Failure = last.WorkflowExecutionFailedEventAttributes?.Failure;
#pragma warning restore CS0612
        attributes.LastCompletionResult = last.WorkflowExecutionCompletedEventAttributes?.Result;
        return new HistoryEvent
        {
            EventId = last.EventId,
            EventTime = last.EventTime,
            EventType = EventType.WorkflowExecutionContinuedAsNew,
            TaskId = last.TaskId,
            WorkflowExecutionContinuedAsNewEventAttributes = attributes,
        };
    }

    private sealed record PageToken(string RunId, long NextId)
    {
        public ByteString ToBytes() => new TaskToken { RunId = RunId, ScheduledEventId = NextId }.ToBytes();

        public static PageToken? Parse(ByteString bytes)
        {
            if (bytes.IsEmpty)
            {
                return null;
            }

            try
            {
                var token = TaskToken.Parse(bytes);
                return token.ScheduledEventId > 0 ? new PageToken(token.RunId, token.ScheduledEventId) : throw Invalid();
            }
            catch (RpcException)
            {
                throw Invalid();
            }
        }

        private static RpcException Invalid() => new(StatusCode.InvalidArgument, "Invalid NextPageToken.");
    }
}
