using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>One caller's open calls are bounded, over all engines.</summary>
internal static class PrefectLimitStage
{
    public static Refusal? Run(PrefectCall call)
    {
        if (!call.IsAuthenticated)
        {
            return null;
        }

        if (call.CallerState.OpenCalls.TryEnter(call.State.Options.Limits.OpenCallsPerCaller))
        {
            call.Counted = true;
            return null;
        }

        return new Refusal(RefusalReason.Limited, $"too many open calls for {call.Token.Caller.DisplayName}.", "limits.openCallsPerCaller") { RetryAfter = TimeSpan.FromSeconds(1) };
    }

    public static void Leave(PrefectCall call)
    {
        if (call.Counted)
        {
            call.Counted = false;
            call.CallerState.OpenCalls.Leave();
        }
    }
}
