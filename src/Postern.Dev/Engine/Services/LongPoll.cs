using Postern.Dev.Engine.Grpc;

namespace Postern.Dev.Engine.Services;

/// <summary>How long the server lets a long poll wait.</summary>
internal static class LongPoll
{
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(2);

    /// <summary>A task poll: until a second before the client's deadline, at most 50 to 60 s. A deadline there must be.</summary>
    public static DateTimeOffset TaskPoll(EngineState state, CallContext call)
    {
        if (call.Deadline is not { } deadline)
        {
            throw new RpcException(StatusCode.InvalidArgument, "Context timeout is not set.");
        }

        if (deadline - state.Now < Least)
        {
            throw new RpcException(StatusCode.FailedPrecondition, "Context timeout is too short.");
        }

        // Jittered, so that a fleet's polls don't come back all at once.
        var most = state.Now + TimeSpan.FromSeconds(50 + (Random.Shared.NextDouble() * 10));
        return deadline - Margin < most ? deadline - Margin : most;
    }

    /// <summary>Waiting for events or for an update: 20 s at most, and an answer before the client's deadline.</summary>
    public static DateTimeOffset Wait(EngineState state, CallContext call)
    {
        var most = state.Now + TimeSpan.FromSeconds(20);
        return call.Deadline is { } deadline && deadline - Margin < most ? deadline - Margin : most;
    }

    /// <summary>Waits for one of two things: the change, or the time. False when it was the time.</summary>
    public static async Task<bool> For(EngineState state, Task change, DateTimeOffset until, CancellationToken gone)
    {
        var wait = until - state.Now;
        if (wait <= TimeSpan.Zero)
        {
            return change.IsCompleted;
        }

        try
        {
            await change.WaitAsync(wait, state.Options.Time, gone);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
