using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Queues;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>A run's pending activities: attempts, the four timeouts, heartbeats, cancellation.</summary>
internal sealed class ActivityBook(EngineState state, WorkflowRun run)
{
    private readonly Dictionary<long, PendingActivity> pending = [];

    public IEnumerable<PendingActivity> Pending => pending.Values.OrderBy(a => a.ScheduledId);

    public bool Holds(PendingActivity activity) => pending.GetValueOrDefault(activity.ScheduledId) == activity;

    public bool HasId(string activityId) => pending.Values.Any(a => a.Id == activityId);

    public PendingActivity? Find(long scheduledId) => pending.GetValueOrDefault(scheduledId);

    public PendingActivity ById(string activityId) => pending.Values.FirstOrDefault(a => a.Id == activityId) ?? throw Unknown();

    /// <summary>The attempt that a token was made for, while it is with a worker.</summary>
    public PendingActivity Of(TaskToken token)
    {
        if (token.ScheduledEventId == 0)
        {
            return ById(token.ActivityId);
        }

        return Find(token.ScheduledEventId) is { Started: true } activity && activity.Attempt == token.Attempt ? activity : throw Unknown();
    }

    public PendingActivity Schedule(long scheduledId, ActivityTaskScheduledEventAttributes attributes, bool dispatch)
    {
        var activity = new PendingActivity(scheduledId, attributes, state.Now);
        pending.Add(scheduledId, activity);
        if (activity.Deadline is { } deadline)
        {
            activity.TotalTimer = state.Timers.At(deadline, () => TimeOut(activity, TimeoutType.ScheduleToClose));
        }

        Offer(activity, dispatch);
        return activity;
    }

    public PollActivityTaskQueueResponse Begin(PendingActivity activity, Poller poller)
    {
        activity.EndAttempt();
        activity.StartedAt = activity.LastStartedAt = state.Now;
        activity.Identity = poller.Identity;
        activity.RequestId = poller.RequestId;
        var limit = Retry.Of(activity.Scheduled.StartToCloseTimeout);
        if (limit > TimeSpan.Zero)
        {
            activity.AttemptTimer = state.Timers.After(limit, () => TimeOut(activity, TimeoutType.StartToClose));
        }

        ArmHeartbeat(activity);
        run.StateTransitions++;
        return ActivityAnswers.Task(run, activity);
    }

    public void Heartbeat(PendingActivity activity, Payloads? details)
    {
        activity.HeartbeatDetails = details;
        activity.LastHeartbeatAt = state.Now;
        ArmHeartbeat(activity);
    }

    public void Complete(PendingActivity activity, Payloads? result, string identity)
    {
        WriteStarted(activity, identity);
        Write(activity, EventType.ActivityTaskCompleted, e => e.ActivityTaskCompletedEventAttributes = new ActivityTaskCompletedEventAttributes
        {
            Result = result,
            ScheduledEventId = activity.ScheduledId,
            StartedEventId = activity.StartedId,
            Identity = identity,
        });
    }

    public void Fail(PendingActivity activity, Failure? failure, Payloads? lastHeartbeat, string identity)
    {
        activity.HeartbeatDetails = lastHeartbeat ?? activity.HeartbeatDetails;
        var why = TryAgain(activity, failure);
        if (why == RetryState.InProgress)
        {
            return;
        }

        WriteStarted(activity, identity);
        Write(activity, EventType.ActivityTaskFailed, e => e.ActivityTaskFailedEventAttributes = new ActivityTaskFailedEventAttributes
        {
            Failure = failure,
            ScheduledEventId = activity.ScheduledId,
            StartedEventId = activity.StartedId,
            Identity = identity,
            RetryState = why,
        });
    }

    public void Cancel(PendingActivity activity, Payloads? details, string identity)
    {
        if (!activity.CancelRequested)
        {
            throw new RpcException(StatusCode.InvalidArgument, "unable to mark activity as canceled without activity being request canceled first");
        }

        WriteStarted(activity, identity);
        WriteCanceled(activity, details, identity);
    }

    /// <summary>The workflow cancels it. One that no worker has yet is over at once; true then, and the workflow must hear of it.</summary>
    public bool RequestCancel(PendingActivity activity, long requestedId, string identity)
    {
        activity.CancelRequested = true;
        activity.CancelRequestedId = requestedId;
        if (activity.Started)
        {
            return false;
        }

        var details = new Payloads();
        details.Payloads_.Add(new Payload { Data = ByteString.CopyFromUtf8("\"ACTIVITY_ID_NOT_STARTED\"") });
        details.Payloads_[0].Metadata["encoding"] = ByteString.CopyFromUtf8("json/plain");
        End(activity);
        run.Log.Append(EventType.ActivityTaskCanceled, Canceled(activity, details, identity));
        return true;
    }

    public void Drop()
    {
        foreach (var activity in pending.Values)
        {
            activity.End();
        }

        pending.Clear();
    }

    private static RpcException Unknown() => new(
        StatusCode.NotFound, "invalid activityID or activity already timed out or invoking workflow is completed", new NotFoundFailure());

    private static Action<HistoryEvent> Canceled(PendingActivity activity, Payloads? details, string identity) => e =>
        e.ActivityTaskCanceledEventAttributes = new ActivityTaskCanceledEventAttributes
        {
            Details = details,
            LatestCancelRequestedEventId = activity.CancelRequestedId,
            ScheduledEventId = activity.ScheduledId,
            StartedEventId = activity.StartedId,
            Identity = identity,
        };

    private void Offer(PendingActivity activity, bool dispatch)
    {
        var wait = Retry.Of(activity.Scheduled.ScheduleToStartTimeout);
        if (wait > TimeSpan.Zero)
        {
            activity.AttemptTimer = state.Timers.After(wait, () => TimeOut(activity, TimeoutType.ScheduleToStart));
        }

        if (dispatch)
        {
            state.Queues.Activity(run.Start.Namespace.Id, activity.Scheduled.TaskQueue.Name).Offer(new ActivityWork(this, activity, activity.Attempt));
        }
    }

    private void ArmHeartbeat(PendingActivity activity)
    {
        activity.HeartbeatTimer?.Cancel();
        var limit = Retry.Of(activity.Scheduled.HeartbeatTimeout);
        if (limit > TimeSpan.Zero)
        {
            activity.HeartbeatTimer = state.Timers.After(limit, () => TimeOut(activity, TimeoutType.Heartbeat));
        }
    }

    private RetryState TryAgain(PendingActivity activity, Failure? failure)
    {
        if (activity.CancelRequested)
        {
            return RetryState.CancelRequested;
        }

        var (next, wait) = Retry.Next(activity.Scheduled.RetryPolicy, activity.Attempt, failure, state.Now, activity.Deadline);
        if (next != RetryState.InProgress)
        {
            return next;
        }

        activity.EndAttempt();
        activity.Attempt++;
        activity.StartedAt = null;
        activity.LastFailure = failure;
        activity.LastEndedAt = state.Now;
        activity.ScheduledAt = state.Now + wait;
        activity.RetryTimer = state.Timers.After(wait, () =>
        {
            activity.ScheduledAt = state.Now;
            Offer(activity, dispatch: true);
        });
        return next;
    }

    private void TimeOut(PendingActivity activity, TimeoutType type)
    {
        if (!Holds(activity))
        {
            return;
        }

        var failure = new Failure
        {
            Message = $"activity {type} timeout",
            Source = "Server",
            TimeoutFailureInfo = new TimeoutFailureInfo { TimeoutType = type, LastHeartbeatDetails = activity.HeartbeatDetails },
        };
        var why = type is TimeoutType.StartToClose or TimeoutType.Heartbeat ? TryAgain(activity, failure) : RetryState.Timeout;
        if (why == RetryState.InProgress)
        {
            return;
        }

        failure.Cause = activity.LastFailure;
        if (activity.Started)
        {
            WriteStarted(activity, activity.Identity);
        }

        Write(activity, EventType.ActivityTaskTimedOut, e => e.ActivityTaskTimedOutEventAttributes = new ActivityTaskTimedOutEventAttributes
        {
            Failure = failure,
            ScheduledEventId = activity.ScheduledId,
            StartedEventId = activity.StartedId,
            RetryState = why,
        });
    }

    // The start is written with the end, when no more attempts follow: its time is the attempt's, its number comes now.
    private void WriteStarted(PendingActivity activity, string identity)
    {
        var started = activity.StartedAt ?? state.Now;
        run.Log.Arrive(EventType.ActivityTaskStarted, e =>
        {
            activity.StartedId = e.EventId;
            e.EventTime = Timestamp.FromDateTimeOffset(started);
            e.ActivityTaskStartedEventAttributes = new ActivityTaskStartedEventAttributes
            {
                ScheduledEventId = activity.ScheduledId,
                Identity = activity.Identity.Length > 0 ? activity.Identity : identity,
                RequestId = activity.RequestId,
                Attempt = activity.Attempt,
                LastFailure = activity.LastFailure,
            };
        });
    }

    private void WriteCanceled(PendingActivity activity, Payloads? details, string identity) =>
        Write(activity, EventType.ActivityTaskCanceled, Canceled(activity, details, identity));

    private void Write(PendingActivity activity, EventType type, Action<HistoryEvent> fill)
    {
        End(activity);
        run.Log.Arrive(type, fill);
        run.StateTransitions++;
        run.Task.EnsureScheduled();
    }

    private void End(PendingActivity activity)
    {
        activity.End();
        pending.Remove(activity.ScheduledId);
    }
}
