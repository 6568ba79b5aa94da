using Postern.Dev.Engine.Nexus;
using Postern.Dev.Engine.Services;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Nexus.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;
using Link = Temporalio.Api.Common.V1.Link;

namespace Postern.Dev.Engine.Runs;

/// <summary>A run's Nexus operations: asked of their handlers, again where that may help, started, completed, cancelled, timed out.</summary>
internal sealed class NexusBook(EngineState state, WorkflowRun run)
{
    /// <summary>The server's limit for one workflow.</summary>
    public const int MostPending = 30;

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);
    private readonly Dictionary<long, NexusOperation> pending = [];
    private readonly HashSet<long> ended = [];

    public IEnumerable<NexusOperation> Pending => pending.Values.OrderBy(o => o.ScheduledId);

    public int Count => pending.Count;

    public NexusOperation? Find(long scheduledId) => pending.GetValueOrDefault(scheduledId);

    /// <summary>Whether a workflow may speak of it: it is pending, or it ended and the workflow hasn't heard so yet.</summary>
    public bool IsKnown(long scheduledId) => pending.ContainsKey(scheduledId) || (run.Log.HasBuffered && ended.Contains(scheduledId));

    public void Schedule(long scheduledId, NexusOperationScheduledEventAttributes attributes)
    {
        var operation = new NexusOperation(scheduledId, attributes, state.Now);
        pending.Add(scheduledId, operation);
        if (operation.Deadline is { } deadline)
        {
            operation.Timers.Add(state.Timers.At(deadline, () => TimeOut(operation, TimeoutType.ScheduleToClose)));
        }

        if (Retry.Of(attributes.ScheduleToStartTimeout) is { } start && start > TimeSpan.Zero)
        {
            operation.StartTimer = state.Timers.After(start, () => TimeOut(operation, TimeoutType.ScheduleToStart));
        }

        state.Defer(() => Ask(operation));
    }

    /// <summary>The workflow cancels it. The handler hears of it once it has started the operation.</summary>
    public void RequestCancel(long scheduledId, HistoryEvent requested, long completedId)
    {
        if (Find(scheduledId) is not { CancelRequestedId: 0 } operation)
        {
            return;
        }

        operation.CancelRequestedId = requested.EventId;
        operation.CancelCompletedId = completedId;
        operation.CancelRequestedAt = state.Now;
        if (operation.Started)
        {
            state.Defer(() => AskToCancel(operation));
        }
    }

    /// <summary>A callback brings the end. The start may still be on its way: then it is written first.</summary>
    public void Completed(NexusOperation operation, string token, IEnumerable<Link> links, Payload? result, Failure? failure)
    {
        if (!operation.Started)
        {
            Begin(operation, token, links);
        }

        if (failure is null)
        {
            Succeed(operation, result, []);
        }
        else
        {
            Fail(operation, failure);
        }
    }

    public void Drop()
    {
        foreach (var operation in pending.Values)
        {
            operation.End(state);
        }

        pending.Clear();
    }

    private bool Holds(NexusOperation operation) => run.Running && pending.GetValueOrDefault(operation.ScheduledId) == operation;

    private void Ask(NexusOperation operation)
    {
        if (!Holds(operation) || operation.Started)
        {
            return;
        }

        operation.Attempt++;
        operation.BackingOff = false;
        if (operation.Scheduled.Endpoint == EndpointStore.System)
        {
            var (result, link, failure) = SystemOperations.Call(state, run, operation.ScheduledId, operation.Scheduled);
            if (failure is null)
            {
                Succeed(operation, result, [link!]);
            }
            else
            {
                Fail(operation, failure);
            }

            return;
        }

        if (Send(operation, t => NexusRequests.Start(run, operation, state.Now, t), r => Answered(operation, r.StartOperation), f => NotStarted(operation, f)) is { } unreachable)
        {
            NotStarted(operation, unreachable);
        }
    }

    private void AskToCancel(NexusOperation operation)
    {
        if (!Holds(operation))
        {
            return;
        }

        operation.CancelAttempt++;
        if (Send(operation, t => NexusRequests.Cancel(operation, state.Now, t), _ => CancelDelivered(operation), f => CancelFailed(operation, f)) is { } unreachable)
        {
            CancelFailed(operation, unreachable);
        }
    }

    // Why the request can't go anywhere; null when it is on its way.
    private Failure? Send(NexusOperation operation, Func<TimeSpan, Request> request, Action<Response> answered, Action<Failure> failed)
    {
        if (state.Endpoints.FindId(operation.Scheduled.EndpointId) is not { } endpoint)
        {
            return NexusFailures.Handler("NOT_FOUND", "endpoint not registered");
        }

        if (endpoint.Spec.Target.Worker is not { } worker)
        {
            return NexusFailures.Handler("NOT_IMPLEMENTED", "the embedded engine calls no external endpoints");
        }

        if (state.Namespaces.Find(worker.Namespace) is not { } space)
        {
            return NexusFailures.Handler("NOT_FOUND", $"Namespace {worker.Namespace} is not found.");
        }

        var left = operation.Deadline - state.Now ?? RequestTimeout;
        var timeout = left < RequestTimeout ? left : RequestTimeout;
        operation.Task = new NexusTask(space, worker.TaskQueue, request(timeout), answered, failed);
        operation.Task.Send(state, timeout);
        return null;
    }

    private void Answered(NexusOperation operation, StartOperationResponse? response)
    {
        if (!Holds(operation) || operation.Started)
        {
            return;
        }

        switch (response?.VariantCase)
        {
            case StartOperationResponse.VariantOneofCase.SyncSuccess:
                Succeed(operation, response.SyncSuccess.Payload, NexusLinks.FromNexus(response.SyncSuccess.Links));
                break;
            case StartOperationResponse.VariantOneofCase.AsyncSuccess:
                Begin(operation, TokenOf(response.AsyncSuccess), NexusLinks.FromNexus(response.AsyncSuccess.Links));
                break;
            case StartOperationResponse.VariantOneofCase.Failure:
                Fail(operation, NexusFailures.FromHandler(response.Failure));
                break;
#pragma warning disable CS0612 // Deprecated, but what handlers of before send.
            case StartOperationResponse.VariantOneofCase.OperationError:
                Fail(operation, NexusFailures.FromHandler(response.OperationError));
                break;
#pragma warning restore CS0612
            default:
                NotStarted(operation, NexusFailures.Handler("INTERNAL", "empty StartOperationResponse"));
                break;
        }
    }

#pragma warning disable CS0612 // Deprecated, but what handlers of before send.
    private static string TokenOf(StartOperationResponse.Types.Async started) => started.OperationToken.Length > 0 ? started.OperationToken : started.OperationId;
#pragma warning restore CS0612

    private void NotStarted(NexusOperation operation, Failure failure)
    {
        if (!Holds(operation) || operation.Started)
        {
            return;
        }

        if (!NexusFailures.MayRetry(failure))
        {
            Fail(operation, NexusFailures.FromHandler(failure));
            return;
        }

        operation.LastFailure = failure;
        operation.BackingOff = true;
        operation.Timers.Add(state.Timers.After(Wait(operation.Attempt), () => Ask(operation)));
    }

    private void Begin(NexusOperation operation, string token, IEnumerable<Link> links)
    {
        operation.Started = true;
        operation.Token = token;
        operation.StartTimer?.Cancel();
        if (Retry.Of(operation.Scheduled.StartToCloseTimeout) is { } limit && limit > TimeSpan.Zero)
        {
            operation.Timers.Add(state.Timers.After(limit, () => TimeOut(operation, TimeoutType.StartToClose)));
        }

        Tell(EventType.NexusOperationStarted, NexusEvents.Started(operation, [.. links]));
        if (operation.CancelRequestedId > 0)
        {
            AskToCancel(operation);
        }
    }

    private void Succeed(NexusOperation operation, Payload? result, IEnumerable<Link> links)
    {
        End(operation);
        Tell(EventType.NexusOperationCompleted, NexusEvents.Completed(operation, result, [.. links]));
    }

    private void Fail(NexusOperation operation, Failure failure)
    {
        End(operation);
        var (type, fill) = NexusEvents.Ended(operation, failure);
        Tell(type, fill);
    }

    private void TimeOut(NexusOperation operation, TimeoutType type)
    {
        if (Holds(operation))
        {
            End(operation);
            Tell(EventType.NexusOperationTimedOut, NexusEvents.TimedOut(operation, type));
        }
    }

    private void CancelDelivered(NexusOperation operation)
    {
        if (Holds(operation))
        {
            Tell(EventType.NexusOperationCancelRequestCompleted, NexusEvents.CancelDelivered(operation));
        }
    }

    private void CancelFailed(NexusOperation operation, Failure failure)
    {
        if (!Holds(operation))
        {
            return;
        }

        if (NexusFailures.MayRetry(failure))
        {
            operation.Timers.Add(state.Timers.After(Wait(operation.CancelAttempt), () => AskToCancel(operation)));
            return;
        }

        Tell(EventType.NexusOperationCancelRequestFailed, NexusEvents.CancelFailed(operation, NexusFailures.FromHandler(failure)));
    }

    private static TimeSpan Wait(int attempt) => TimeSpan.FromSeconds(Math.Min(Math.Pow(2, attempt - 1), LongestWait.TotalSeconds));

    // The engine itself writes these, not whoever's call brought the news.
    private void Tell(EventType type, Action<HistoryEvent> fill) => state.As<object?>(null, () =>
    {
        run.Log.Arrive(type, fill);
        run.StateTransitions++;
        run.Task.EnsureScheduled();
        return null;
    });

    private void End(NexusOperation operation)
    {
        operation.End(state);
        pending.Remove(operation.ScheduledId);
        ended.Add(operation.ScheduledId);
    }
}
