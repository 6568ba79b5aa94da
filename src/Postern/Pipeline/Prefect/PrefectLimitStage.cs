using Postern.Engines.Prefect;
using Postern.Limits;
using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// Go, or a refusal that clients back off on. A worker ends of six refused polls, and a report that is refused is lost: those wait for a while before they are refused, and then as
/// for a server that is away.
/// </summary>
internal sealed class PrefectLimitStage(TimeProvider time)
{
    private static readonly TimeSpan WorkersWait = TimeSpan.FromSeconds(5);

    public async ValueTask<Refusal?> RunAsync(PrefectCall call)
    {
        if (!call.IsAuthenticated)
        {
            return null;
        }

        if (!call.CallerState.OpenCalls.TryEnter(call.State.Options.Limits.OpenCallsPerCaller))
        {
            return new Refusal(RefusalReason.Limited, $"too many open calls for {call.Token.Caller.DisplayName}.", "limits.openCallsPerCaller") { RetryAfter = TimeSpan.FromSeconds(1), IsOfOpen = true };
        }

        call.Counted = true;
        if (call.State.Rates.IsEmpty || Of(call.Route) is not { } traffic)
        {
            return null;
        }

        RateExceeded? exceeded;
        RatePass pass;
        if (traffic is Traffic.Poll or Traffic.Progress)
        {
            using var patience = new CancellationTokenSource(WorkersWait, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, call.Context.RequestAborted);
            (exceeded, pass) = await call.State.Rates.EnterAsync(call.Engine.Name, call.Token.Caller, traffic, either.Token);
        }
        else
        {
            exceeded = call.State.Rates.TryEnter(call.Engine.Name, call.Token.Caller, traffic, out pass);
        }

        call.Pass = pass;
        return exceeded is null ? null : LimitStage.Refuse(exceeded, call.Token.Caller);
    }

    public static void Leave(PrefectCall call)
    {
        if (call.Counted)
        {
            call.Counted = false;
            call.CallerState.OpenCalls.Leave();
            call.Pass.Dispose();
            call.Pass = default;
        }
    }

    // What a page is made of, and what every client asks at its start, isn't counted: it would be the first to be refused, and nothing would say why.
    private static Traffic? Of(PrefectRoute route) => route.Class switch
    {
        RouteClass.Asset or RouteClass.Info => null,
        RouteClass.Read or RouteClass.Stream => Traffic.Read,
        RouteClass.Poll => Traffic.Poll,
        RouteClass.Worker => Traffic.Progress,
        RouteClass.Socket => Traffic.Socket,
        _ => Traffic.Write,
    };
}
