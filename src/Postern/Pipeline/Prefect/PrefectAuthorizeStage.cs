using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Postern.Engines.Prefect;
using Postern.Model;
using Postern.Policy;
using Postern.Telemetry;

namespace Postern.Pipeline.Prefect;

/// <summary>Caller and operation → decision. Every demand must be allowed; a name that a rule asks for and the call doesn't carry is looked up on the server.</summary>
internal sealed partial class PrefectAuthorizeStage(ILogger<PrefectAuthorizeStage> logger)
{
    private const int LookupsAtOnce = 8;
    private const int MostLookups = 200;

    // What isn't there is refused as what may not be touched: the words don't tell which of the two it is.
    private static readonly Decision s_absent = new(DecisionKind.Deny, CallerPolicy.NoRule, "no binding allows it");

    public ValueTask<Refusal?> RunAsync(PrefectCall call)
    {
        if (call.Route.IsOpen)
        {
            call.Decision = new Decision(DecisionKind.Allow, "open", "");
            call.IsDecided = true;
            return default;
        }

        var decision = Decide(call, out var decisive);
        return decision.Kind == DecisionKind.CannotTell ? LookUpAsync(call, decision, decisive) : new ValueTask<Refusal?>(Conclude(call, decision, decisive));
    }

    // Each thing that a demand means by its id is looked up once, and then all demands are judged as one.
    private async ValueTask<Refusal?> LookUpAsync(PrefectCall call, Decision decision, int decisive)
    {
        var things = new ConcurrentDictionary<(PrefectObject Kind, string Id), PrefectThing?>();
        for (var i = 0; i < call.Operation.Count; i++)
        {
            if (NeedsLookup(call.Operation[i]) is { } thing)
            {
                things[thing] = null;
            }
        }

        if (things.IsEmpty)
        {
            return await NarrowAsync(call, decision, decisive);
        }

        if (things.Count > MostLookups)
        {
            return Conclude(call, decision with { Reason = "the call is about more things than are looked up for one" }, decisive);
        }

        var options = new ParallelOptions { MaxDegreeOfParallelism = LookupsAtOnce, CancellationToken = call.Context.RequestAborted };
        await Parallel.ForEachAsync(things.Keys, options, async (thing, cancellation) => things[thing] = await call.Engine.Lookups.FindAsync(thing.Kind, thing.Id, cancellation));
        if (things.Any(thing => thing is { Value.Exists: false, Key.Kind: not PrefectObject.DeploymentOfFlow }))
        {
            return Conclude(call, s_absent, decisive);
        }

        if (things.Values.Any(thing => thing is null))
        {
            return Conclude(call, decision with { Reason = "the server can't be asked about it" }, decisive);
        }

        Demand Completed(Demand demand) => NeedsLookup(demand) is not { } thing ? demand
            : things[thing] is { Exists: true } found ? Complete(demand, found, demand.Unknown)
            // Nothing stands where something new comes: only that counts.
            : Completed(call.Operation.First);
        call.Operation = call.Operation.With(Completed);
        PrefectFactsReader.Complete(call.Facts, call.Operation);
        decision = Decide(call, out decisive);
        return decision.Kind == DecisionKind.CannotTell ? await NarrowAsync(call, decision, decisive) : Conclude(call, decision, decisive);
    }

    private static (PrefectObject Kind, string Id)? NeedsLookup(in Demand demand) =>
        demand.Unknown != Dimensions.None && demand.Prefect is { } names ? PrefectLookups.Of(names) : null;

    // What a thing doesn't have is known then, too: a rule that asks for it doesn't match.
    public static Demand Complete(Demand demand, PrefectThing thing, Dimensions told)
    {
        var (names, unknown) = (demand.Prefect!, demand.Unknown);
        foreach (var dimension in told.Each())
        {
            names = dimension switch
            {
                Dimensions.Flow => names with { Flow = thing.Flow },
                Dimensions.Deployment => names with { Deployment = thing.Deployment },
                Dimensions.WorkPool => names with { WorkPool = thing.WorkPool },
                Dimensions.WorkQueue => names with { WorkQueue = thing.WorkQueue },
                Dimensions.Variable => names with { Variable = thing.Variable },
                Dimensions.BlockType => names with { BlockType = thing.BlockType },
                Dimensions.Block => names with { Block = thing.Block },
                Dimensions.Tag => names with { Tags = PrefectNames.Write(thing.Tags) },
                _ => names,
            };
            unknown = dimension == Dimensions.Tag && names.Tags is null ? unknown : unknown & ~dimension;
        }

        return demand with { Prefect = names, Unknown = unknown };
    }

    private async ValueTask<Refusal?> NarrowAsync(PrefectCall call, Decision decision, int decisive)
    {
        if (call.Route.Family == PrefectFilters.None)
        {
            return Conclude(call, decision, decisive);
        }

        return await PrefectNarrowing.NarrowAsync(call, call.Context.RequestAborted) switch
        {
            Narrowed.Done => Conclude(call, new Decision(DecisionKind.Allow, decision.Rule, ""), decisive),
            Narrowed.CannotAsk => Conclude(call, decision with { Reason = "the server can't be asked what there is" }, decisive),
            Narrowed.Nothing => Conclude(call, s_absent, decisive),
            // Not can't-tell: it would be the same the next time, and a client would try for minutes.
            _ => Conclude(call, new Decision(DecisionKind.Deny, decision.Rule, "the list can't be narrowed to what may be seen; ask for less, by id or by name"), decisive),
        };
    }

    private static Decision Decide(PrefectCall call, out int decisive) =>
        call.CallerState.Policy.DecideAll(call.Operation, new Circumstances(call.Source, call.Time), out decisive);

    private Refusal? Conclude(PrefectCall call, in Decision decision, int decisive)
    {
        call.Decision = decision;
        call.IsDecided = true;
        if (decision.IsAllowed)
        {
            return call.Operation.Fault;
        }

        var demand = call.Operation[decisive];
        if (call.Route.Class == RouteClass.Poll && decision.Kind == DecisionKind.Deny)
        {
            // A worker ends at its first refused poll: the operator must be able to see why.
            Log.PollDenied(logger, call.Token.Caller.Name, demand.Permission.Name(), call.Engine.Name, demand.Prefect?.WorkPool ?? "", decision.Rule, call.Id);
        }

        return PolicyRefusal.For(call.Token.Caller, demand, decision);
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Pipeline + 7, LogLevel.Warning, "Poll denied: {Caller} may not {Permission} on {Engine} for {WorkPool} (rule {Rule}). Its worker ends of it [call {CallId}]")]
        public static partial void PollDenied(ILogger logger, string caller, string permission, string engine, string workPool, string rule, string callId);
    }
}
