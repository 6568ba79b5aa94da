using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Common.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Turns a request into the start of a run, or into the server's words for what is wrong with it.</summary>
internal static class StartRequests
{
    private const int MaxId = 1000;
    private const int MostCallbacks = 32;
    private const int MaxBlob = 2 * 1024 * 1024;

    public static RunStart From(EngineState state, NamespaceEntry space, StartWorkflowExecutionRequest request, string runId)
    {
        Text("WorkflowId", request.WorkflowId);
        Text("WorkflowType", request.WorkflowType?.Name ?? "");
        Queue(request.TaskQueue?.Name ?? "");
        Longest("RequestId", request.RequestId);
        var execution = Timeout("WorkflowExecutionTimeoutSeconds", request.WorkflowExecutionTimeout);
        var runTimeout = Timeout("WorkflowRunTimeoutSeconds", request.WorkflowRunTimeout);
        var task = Timeout("WorkflowTaskTimeoutSeconds", request.WorkflowTaskTimeout);
        var delay = Timeout("WorkflowStartDelay", request.WorkflowStartDelay);
        if (request.Input?.CalculateSize() > MaxBlob)
        {
            throw Invalid("Blob data size exceeds limit.");
        }

        if (request.Memo?.CalculateSize() > MaxBlob)
        {
            throw Invalid("Memo size exceeds limit.");
        }

        if (execution > TimeSpan.Zero && (runTimeout == TimeSpan.Zero || runTimeout > execution))
        {
            runTimeout = execution;
        }

        task = task == TimeSpan.Zero ? TimeSpan.FromSeconds(10) : Min(task, TimeSpan.FromSeconds(120));
        task = runTimeout > TimeSpan.Zero ? Min(task, runTimeout) : task;
        return new RunStart
        {
            Namespace = space,
            WorkflowId = request.WorkflowId,
            RunId = runId,
            Type = request.WorkflowType!.Name,
            TaskQueue = request.TaskQueue!.Name,
            Input = request.Input,
            Header = request.Header,
            Memo = request.Memo,
            SearchAttributes = space.SearchAttributes.Typed(request.SearchAttributes, space.Name),
            UserMetadata = request.UserMetadata,
            Priority = request.Priority,
            ExecutionTimeout = request.WorkflowExecutionTimeout,
            RunTimeout = runTimeout > TimeSpan.Zero ? Duration.FromTimeSpan(runTimeout) : request.WorkflowRunTimeout,
            TaskTimeout = task,
            RetryPolicy = request.RetryPolicy is null ? null : Retry.Complete(request.RetryPolicy),
            Cron = request.CronSchedule,
            Identity = request.Identity,
            RequestId = request.RequestId.Length > 0 ? request.RequestId : Guid.NewGuid().ToString(),
            ContinuedFailure = request.ContinuedFailure,
            LastResult = request.LastCompletionResult,
            ExecutionExpiration = execution > TimeSpan.Zero ? state.Now + execution : null,
            Backoff = Backoff(state, request.CronSchedule, delay),
            Callbacks = Callbacks(request.CompletionCallbacks),
            Links = [.. request.Links],
        };
    }

    /// <summary>A start's half of signal-with-start has the same fields.</summary>
    public static StartWorkflowExecutionRequest StartOf(SignalWithStartWorkflowExecutionRequest request) => new()
    {
        Namespace = request.Namespace,
        WorkflowId = request.WorkflowId,
        WorkflowType = request.WorkflowType,
        TaskQueue = request.TaskQueue,
        Input = request.Input,
        WorkflowExecutionTimeout = request.WorkflowExecutionTimeout,
        WorkflowRunTimeout = request.WorkflowRunTimeout,
        WorkflowTaskTimeout = request.WorkflowTaskTimeout,
        Identity = request.Identity,
        RequestId = request.RequestId,
        WorkflowIdReusePolicy = request.WorkflowIdReusePolicy,
        WorkflowIdConflictPolicy = request.WorkflowIdConflictPolicy,
        RetryPolicy = request.RetryPolicy,
        CronSchedule = request.CronSchedule,
        Memo = request.Memo,
        SearchAttributes = request.SearchAttributes,
        Header = request.Header,
        WorkflowStartDelay = request.WorkflowStartDelay,
        UserMetadata = request.UserMetadata,
        Priority = request.Priority,
        Links = { request.Links },
    };

    public static RpcException Invalid(string message) => new(StatusCode.InvalidArgument, message);

    public static void Queue(string name)
    {
        if (name.Length == 0)
        {
            throw Invalid("missing task queue name");
        }

        if (name.StartsWith("/_sys/", StringComparison.Ordinal))
        {
            throw Invalid("task queue name cannot start with reserved prefix /_sys/");
        }

        Longest("taskQueue", name);
    }

    // Kept as the server keeps them: names of headers in small letters.
    private static List<Callback> Callbacks(RepeatedField<Callback> asked)
    {
        if (asked.Count > MostCallbacks)
        {
            throw Invalid($"cannot attach more than {MostCallbacks} callbacks to a workflow");
        }

        foreach (var callback in asked)
        {
            if (callback.VariantCase != Callback.VariantOneofCase.Nexus)
            {
                throw new RpcException(StatusCode.Unimplemented, $"unknown callback variant: {callback.VariantCase}");
            }

            if (callback.Nexus.Url is not ("temporal://system" or "temporal://internal"))
            {
                throw Invalid($"invalid url: url does not match any configured callback address: {callback.Nexus.Url}");
            }
        }

        return [.. asked.Select(Kept)];
    }

    private static Callback Kept(Callback callback)
    {
        var kept = callback.Clone();
        kept.Nexus.Header.Clear();
        foreach (var (name, value) in callback.Nexus.Header)
        {
            kept.Nexus.Header[name.ToLowerInvariant()] = value;
        }

        return kept;
    }

    private static void Text(string field, string value)
    {
        if (value.Length == 0)
        {
            throw Invalid($"{field} is not set on request.");
        }

        Longest(field, value);
    }

    private static void Longest(string field, string value)
    {
        var length = System.Text.Encoding.UTF8.GetByteCount(value);
        if (length > MaxId)
        {
            throw Invalid($"{field} exceeds maximum allowed length ({length}/{MaxId})");
        }
    }

    private static TimeSpan Timeout(string field, Duration? duration)
    {
        var value = Retry.Of(duration);
        return value >= TimeSpan.Zero ? value : throw Invalid($"An invalid {field} is set on request. cause: negative duration");
    }

    private static TimeSpan Backoff(EngineState state, string cron, TimeSpan delay)
    {
        if (cron.Length == 0)
        {
            return delay;
        }

        var schedule = CronSchedule.Parse(cron) ?? throw Invalid("invalid CronSchedule.");
        return schedule.Next(state.Now, state.Now) - state.Now;
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
