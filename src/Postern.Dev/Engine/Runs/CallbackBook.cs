using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Nexus;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Workflow.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>Who is told when a run's chain ends: Nexus operations of other workflows, by the token in the callback's header.</summary>
internal sealed class CallbackBook
{
    private readonly EngineState state;
    private readonly WorkflowRun run;
    private readonly List<CallbackInfo> entries = [];

    public CallbackBook(EngineState state, WorkflowRun run)
    {
        this.state = state;
        this.run = run;
        Add(run.Start.Callbacks);
    }

    /// <summary>For describe.</summary>
    public IEnumerable<CallbackInfo> Entries => entries;

    /// <summary>What a run that follows this one takes over.</summary>
    public IReadOnlyList<Callback> All => [.. entries.Select(e => e.Callback)];

    public void Add(IEnumerable<Callback> callbacks) => entries.AddRange(callbacks.Select(c => new CallbackInfo
    {
        Callback = c,
        Trigger = new CallbackInfo.Types.Trigger { WorkflowClosed = new CallbackInfo.Types.WorkflowClosed() },
        RegistrationTime = Timestamp.FromDateTimeOffset(state.Now),
        State = CallbackState.Standby,
    }));

    /// <summary>The run ended with this event, and none follows.</summary>
    public void Deliver(HistoryEvent last)
    {
        foreach (var entry in entries)
        {
            entry.Attempt = 1;
            entry.LastAttemptCompleteTime = Timestamp.FromDateTimeOffset(state.Now);
            entry.State = Deliver(entry.Callback, last) ? CallbackState.Succeeded : CallbackState.Failed;
        }
    }

    private static (Payload? Result, Failure? Failure) Outcome(HistoryEvent last) => last.EventType switch
    {
        EventType.WorkflowExecutionCompleted => (last.WorkflowExecutionCompletedEventAttributes.Result?.Payloads_.FirstOrDefault(), null),
        EventType.WorkflowExecutionFailed => (null, last.WorkflowExecutionFailedEventAttributes.Failure ?? new Failure()),
        EventType.WorkflowExecutionCanceled => (null, new Failure
        {
            Message = "operation canceled",
            CanceledFailureInfo = new CanceledFailureInfo { Details = last.WorkflowExecutionCanceledEventAttributes.Details },
        }),
        EventType.WorkflowExecutionTerminated => (null, new Failure { Message = "operation terminated", TerminatedFailureInfo = new TerminatedFailureInfo() }),
        _ => (null, new Failure
        {
            Message = "operation exceeded internal timeout",
            TimeoutFailureInfo = new TimeoutFailureInfo { TimeoutType = TimeoutType.StartToClose },
        }),
    };

    // The token alone says whose operation it is, as on the server; one that fits none is lost.
    private bool Deliver(Callback callback, HistoryEvent last)
    {
        var header = callback.Nexus.Header;
        if (Value(header, CallbackToken.Header) is not { } text || CallbackToken.Parse(text) is not { } token
            || state.Runs.Find(token.NamespaceId, token.WorkflowId, token.RunId) is not { Running: true } caller
            || caller.Nexus.Find(token.ScheduledEventId) is not { } operation || operation.Scheduled.RequestId != token.RequestId)
        {
            return false;
        }

        var (result, failure) = Outcome(last);
        caller.Nexus.Completed(operation, Value(header, "nexus-operation-token") ?? "", [Services.Links.Event(run, 1, EventType.WorkflowExecutionStarted)], result, failure);
        return true;
    }

    private static string? Value(IDictionary<string, string> header, string name) =>
        header.FirstOrDefault(h => string.Equals(h.Key, name, StringComparison.OrdinalIgnoreCase)).Value;
}
