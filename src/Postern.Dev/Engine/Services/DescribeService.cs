using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Queues;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Activity.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Describing workflows and task queues.</summary>
internal sealed class DescribeService(EngineState state)
{
    // What the server writes for a run that never expires: Go's zero time.
    private static readonly Timestamp Never = new() { Seconds = -62135596800 };

    public DescribeWorkflowExecutionResponse Workflow(DescribeWorkflowExecutionRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            var run = state.Runs.Get(space.Id, request.Execution);
            var answer = new DescribeWorkflowExecutionResponse
            {
                ExecutionConfig = new WorkflowExecutionConfig
                {
                    TaskQueue = new TaskQueue { Name = run.Start.TaskQueue, Kind = TaskQueueKind.Normal },
                    WorkflowExecutionTimeout = run.Start.ExecutionTimeout,
                    WorkflowRunTimeout = run.Start.RunTimeout,
                    DefaultWorkflowTaskTimeout = Duration.FromTimeSpan(run.Start.TaskTimeout),
                    UserMetadata = run.Start.UserMetadata,
                },
                WorkflowExecutionInfo = Info(run),
                PendingWorkflowTask = run.Task.Pending is { } task ? Pending(task) : null,
                WorkflowExtendedInfo = Extended(run),
            };
            answer.WorkflowExecutionInfo.AutoResetPoints = new ResetPoints();
            answer.WorkflowExecutionInfo.FirstRunId = run.Start.FirstRunId;
            answer.PendingActivities.Add(run.Activities.Pending.Select(Pending));
            answer.PendingChildren.Add(run.Children.Pending.Select(Pending));
            answer.PendingNexusOperations.Add(run.Nexus.Pending.Select(Pending));
            answer.Callbacks.Add(run.Callbacks.Entries);
            return answer;
        });
    }

    public DescribeTaskQueueResponse TaskQueue(DescribeTaskQueueRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        if (string.IsNullOrEmpty(request.TaskQueue?.Name))
        {
            throw StartRequests.Invalid("taskQueue is not set");
        }

        return state.Enter(call.Principal, () => TaskQueue(space.Id, request));
    }

    /// <summary>What describe and list say of a run alike.</summary>
    public static WorkflowExecutionInfo Info(WorkflowRun run) => new()
    {
        Execution = run.Execution,
        Type = new WorkflowType { Name = run.Start.Type },
        StartTime = Timestamp.FromDateTimeOffset(run.StartTime),
        CloseTime = run.CloseTime is { } closed ? Timestamp.FromDateTimeOffset(closed) : null,
        Status = run.Status,
        HistoryLength = run.Log.Events.Count,
        ParentNamespaceId = run.Start.Parent?.Run.Start.Namespace.Id ?? "",
        ParentExecution = run.Start.Parent?.Run.Execution,
        ExecutionTime = Timestamp.FromDateTimeOffset(run.ExecutionTime),
        Memo = run.Memo ?? new Memo(),
        SearchAttributes = run.SearchAttributes ?? new SearchAttributes(),
        TaskQueue = run.Start.TaskQueue,
        StateTransitionCount = run.StateTransitions,
        HistorySizeBytes = run.Log.SizeBytes,
        ExecutionDuration = run.CloseTime is { } end ? Duration.FromTimeSpan(end > run.ExecutionTime ? end - run.ExecutionTime : TimeSpan.Zero) : null,
        RootExecution = run.Start.Root ?? run.Execution,
        Priority = run.Start.Priority,
    };

    private static WorkflowExecutionExtendedInfo Extended(WorkflowRun run)
    {
        var info = new WorkflowExecutionExtendedInfo
        {
            ExecutionExpirationTime = run.Start.ExecutionExpiration is { } expiration ? Timestamp.FromDateTimeOffset(expiration) : null,
            RunExpirationTime = run.RunDeadline() is { } deadline ? Timestamp.FromDateTimeOffset(deadline) : Never,
            CancelRequested = run.CancelRequested,
            OriginalStartTime = Timestamp.FromDateTimeOffset(run.Start.ChainStart ?? run.StartTime),
        };
        info.RequestIdInfos[run.Start.RequestId] = new RequestIdInfo { EventType = EventType.WorkflowExecutionStarted, EventId = 1 };
        return info;
    }

    private static PendingWorkflowTaskInfo Pending(PendingWorkflowTask task) => new()
    {
        State = task.Started ? PendingWorkflowTaskState.Started : PendingWorkflowTaskState.Scheduled,
        ScheduledTime = Timestamp.FromDateTimeOffset(task.ScheduledAt),
        OriginalScheduledTime = Timestamp.FromDateTimeOffset(task.ScheduledAt),
        StartedTime = task.StartedAt is { } started ? Timestamp.FromDateTimeOffset(started) : null,
        Attempt = task.Attempt,
    };

    private static PendingChildExecutionInfo Pending(PendingChild child) => new()
    {
        WorkflowId = child.Attributes.WorkflowId,
        RunId = child.Run?.RunId ?? "",
        WorkflowTypeName = child.Attributes.WorkflowType.Name,
        InitiatedId = child.InitiatedId,
        ParentClosePolicy = child.Attributes.ParentClosePolicy,
    };

#pragma warning disable CS0612 // The operation's id is deprecated, and still filled in by the server.
    private static PendingNexusOperationInfo Pending(NexusOperation operation) => new()
    {
        Endpoint = operation.Scheduled.Endpoint,
        Service = operation.Scheduled.Service,
        Operation = operation.Scheduled.Operation,
        OperationId = operation.Token,
        OperationToken = operation.Token,
        ScheduleToCloseTimeout = operation.Scheduled.ScheduleToCloseTimeout,
        ScheduleToStartTimeout = operation.Scheduled.ScheduleToStartTimeout,
        StartToCloseTimeout = operation.Scheduled.StartToCloseTimeout,
        ScheduledTime = Timestamp.FromDateTimeOffset(operation.ScheduledAt),
        State = operation.Started ? PendingNexusOperationState.Started
            : operation.BackingOff ? PendingNexusOperationState.BackingOff
            : PendingNexusOperationState.Scheduled,
        Attempt = operation.Attempt,
        LastAttemptFailure = operation.LastFailure,
        ScheduledEventId = operation.ScheduledId,
        CancellationInfo = operation.CancelRequestedId == 0 ? null : new NexusOperationCancellationInfo
        {
            RequestedTime = Timestamp.FromDateTimeOffset(operation.CancelRequestedAt),
            State = NexusOperationCancellationState.Scheduled,
            Attempt = operation.CancelAttempt,
        },
    };
#pragma warning restore CS0612

    private static PendingActivityInfo Pending(PendingActivity activity) => new()
    {
        ActivityId = activity.Id,
        ActivityType = activity.Scheduled.ActivityType,
        State = activity.CancelRequested ? PendingActivityState.CancelRequested : activity.Started ? PendingActivityState.Started : PendingActivityState.Scheduled,
        HeartbeatDetails = activity.HeartbeatDetails,
        LastHeartbeatTime = activity.LastHeartbeatAt is { } beat ? Timestamp.FromDateTimeOffset(beat) : null,
        LastStartedTime = activity.LastStartedAt is { } started ? Timestamp.FromDateTimeOffset(started) : null,
        Attempt = activity.Attempt,
        MaximumAttempts = activity.Scheduled.RetryPolicy?.MaximumAttempts ?? 0,
        ScheduledTime = activity.Started ? null : Timestamp.FromDateTimeOffset(activity.ScheduledAt),
        ExpirationTime = activity.Deadline is { } deadline ? Timestamp.FromDateTimeOffset(deadline) : null,
        LastFailure = activity.LastFailure,
        LastWorkerIdentity = activity.Identity,
        LastAttemptCompleteTime = activity.LastEndedAt is { } ended ? Timestamp.FromDateTimeOffset(ended) : null,
        Priority = activity.Scheduled.Priority,
        ActivityOptions = new ActivityOptions
        {
            TaskQueue = activity.Scheduled.TaskQueue,
            ScheduleToCloseTimeout = activity.Scheduled.ScheduleToCloseTimeout,
            ScheduleToStartTimeout = activity.Scheduled.ScheduleToStartTimeout,
            StartToCloseTimeout = activity.Scheduled.StartToCloseTimeout,
            HeartbeatTimeout = activity.Scheduled.HeartbeatTimeout,
            RetryPolicy = activity.Scheduled.RetryPolicy,
        },
    };

#pragma warning disable CS0612 // The enhanced mode is deprecated in the API, and what Go's client and the CLI ask for.
    private DescribeTaskQueueResponse TaskQueue(string namespaceId, DescribeTaskQueueRequest request)
    {
        var name = request.TaskQueue.Name;
        if (request.ApiMode != DescribeTaskQueueMode.Enhanced)
        {
            var type = request.TaskQueueType == TaskQueueType.Unspecified ? TaskQueueType.Workflow : request.TaskQueueType;
            var answer = new DescribeTaskQueueResponse();
            answer.Pollers.Add(Pollers(namespaceId, name, type).Pollers);
            if (request.ReportStats)
            {
                answer.Stats = Pollers(namespaceId, name, type).Stats;
            }

            return answer;
        }

        var version = new TaskQueueVersionInfo();
        var types = request.TaskQueueTypes.Count > 0 ? request.TaskQueueTypes : [TaskQueueType.Workflow, TaskQueueType.Activity];
        foreach (var type in types)
        {
            var (pollers, stats) = Pollers(namespaceId, name, type);
            var info = new TaskQueueTypeInfo { Stats = request.ReportStats ? stats : null };
            if (request.ReportPollers)
            {
                info.Pollers.Add(pollers);
            }

            version.TypesInfo[(int)type] = info;
        }

        var enhanced = new DescribeTaskQueueResponse();
        enhanced.VersionsInfo[""] = version;
        return enhanced;
    }

    private (IEnumerable<PollerInfo> Pollers, TaskQueueStats Stats) Pollers(string namespaceId, string name, TaskQueueType type) => type switch
    {
        TaskQueueType.Activity => Pollers(state.Queues.Activity(namespaceId, name)),
        TaskQueueType.Nexus => Pollers(state.Queues.Nexus(namespaceId, name)),
        _ => Pollers(state.Queues.Workflow(namespaceId, name)),
    };

    private static (IEnumerable<PollerInfo> Pollers, TaskQueueStats Stats) Pollers<T>(WorkQueue<T> queue)
        where T : class => (
        queue.Pollers.Select(p => new PollerInfo
        {
            LastAccessTime = Timestamp.FromDateTimeOffset(p.LastAccess),
            Identity = p.Identity,
            RatePerSecond = 100_000,
            WorkerVersionCapabilities = p.Capabilities,
        }),
        new TaskQueueStats { ApproximateBacklogCount = queue.Backlog, ApproximateBacklogAge = new Duration() });
#pragma warning restore CS0612
}
