using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Queues;
using Postern.Dev.Engine.Runs;
using Postern.Dev.Engine.Services;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.WorkflowService.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;

namespace Postern.Dev.Engine.Nexus;

/// <summary>One Nexus request on its way to a handler: offered in a queue, given to a worker, answered or given up. What becomes of it is its sender's.</summary>
internal sealed class NexusTask(NamespaceEntry space, string queue, Request request, Action<Response> answered, Action<Failure> failed) : IQueuedWork<PollNexusTaskQueueResponse>
{
    private EngineTimers.Entry? timer;
    private bool given;
    private bool over;

    public string Id { get; } = Guid.NewGuid().ToString();

    /// <summary>Until when a handler may answer.</summary>
    public DateTimeOffset Deadline { get; private set; }

    public bool Alive => !over;

    /// <summary>Offers the request. Without an answer in time it fails, as the server's own request would.</summary>
    public void Send(EngineState state, TimeSpan timeout)
    {
        Deadline = state.Now + timeout;
        request.ScheduledTime = Timestamp.FromDateTimeOffset(state.Now);
        state.NexusTasks.Add(Id, this);
        timer = state.Timers.At(Deadline, () =>
        {
            if (Take(state))
            {
                failed(NexusFailures.Handler("UPSTREAM_TIMEOUT", "upstream timeout"));
            }
        });
        state.Queues.Nexus(space.Id, queue).Offer(this);
    }

    /// <summary>The sender doesn't wait any more: no worker gets it. One that has it may still answer.</summary>
    public void Withdraw(EngineState state)
    {
        if (!given)
        {
            Take(state);
        }
    }

    public void Answer(EngineState state, Response response)
    {
        if (Take(state))
        {
            answered(response);
        }
    }

    public void Fail(EngineState state, Failure failure)
    {
        if (Take(state))
        {
            failed(failure);
        }
    }

    public PollNexusTaskQueueResponse Start(Poller poller)
    {
        given = true;
        return new PollNexusTaskQueueResponse { TaskToken = new NexusToken(space.Id, queue, Id).ToBytes(), Request = request };
    }

    private bool Take(EngineState state)
    {
        var first = !over;
        over = true;
        timer?.Cancel();
        state.NexusTasks.Remove(Id);
        return first;
    }
}

/// <summary>The token of a Nexus task: namespace, queue, id, kind of queue.</summary>
internal sealed record NexusToken(string NamespaceId, string TaskQueue, string TaskId)
{
    // The same fields in the same places; where tasks of workflows have the scheduled event, this has the queue's kind.
    public ByteString ToBytes() => new TaskToken { NamespaceId = NamespaceId, WorkflowId = TaskQueue, RunId = TaskId, ScheduledEventId = (long)TaskQueueKind.Normal }.ToBytes();

    public static NexusToken Parse(ByteString bytes)
    {
        var token = TaskToken.Parse(bytes);
        return new NexusToken(token.NamespaceId, token.WorkflowId, token.RunId);
    }
}
