using System.Collections.Concurrent;
using System.Text.Json;
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
        return decision.Kind == DecisionKind.CannotTell ? LookUpAsync(call, decision, decisive)
            : decision.Kind == DecisionKind.Deny && call.Operation[decisive].Permission == Permission.DeploymentOverride && IsCompared(call) ? CompareAsync(call, decision, decisive)
            : new ValueTask<Refusal?>(Conclude(call, decision, decisive));
    }

    private static bool IsCompared(PrefectCall call) => call.Route.Body is PrefectBody.DeploymentRun or PrefectBody.DeploymentRuns;

    // A run with its deployment's own values overrides nothing, although it says them.
    private async ValueTask<Refusal?> CompareAsync(PrefectCall call, Decision decision, int decisive)
    {
        if (await call.Engine.Lookups.FindAsync(PrefectObject.Deployment, call.Operation.First.Prefect!.ObjectId!, call.Context.RequestAborted) is not { } deployment)
        {
            return Conclude(call, decision with { Kind = DecisionKind.CannotTell, Reason = "the server can't be asked about it" }, decisive);
        }

        if (!deployment.Exists)
        {
            return Conclude(call, s_absent, decisive);
        }

        var body = call.Json!.RootElement;
        if (body.ValueKind == JsonValueKind.Array ? body.EnumerateArray().Any(run => PrefectRunBody.Overrides(run, deployment.Defaults)) : PrefectRunBody.Overrides(body, deployment.Defaults))
        {
            return Conclude(call, decision, decisive);
        }

        call.Operation = call.Operation.Without(Permission.DeploymentOverride);
        decision = Decide(call, out decisive);
        return decision.Kind == DecisionKind.CannotTell ? await LookUpAsync(call, decision, decisive) : Conclude(call, decision, decisive);
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
            return Conclude(call, new Decision(DecisionKind.Deny, decision.Rule, "the call is about more things than are looked up for one"), decisive);
        }

        var options = new ParallelOptions { MaxDegreeOfParallelism = LookupsAtOnce, CancellationToken = call.Context.RequestAborted };
        await Parallel.ForEachAsync(things.Keys, options, async (thing, cancellation) => things[thing] = await call.Engine.Lookups.FindAsync(thing.Kind, thing.Id, cancellation));
        if (things.Any(found => found.Value is { Exists: false } && !PrefectLookups.MayBeMissing(found.Key.Kind, found.Key.Id)))
        {
            return Conclude(call, s_absent, decisive);
        }

        if (things.Values.Any(thing => thing is null))
        {
            return Conclude(call, decision with { Reason = "the server can't be asked about it" }, decisive);
        }

        call.Operation = call.Operation.With(demand => NeedsLookup(demand) is { } thing ? Complete(demand, things[thing]!) : demand);
        PrefectFactsReader.Complete(call.Facts, call.Operation);
        decision = Decide(call, out decisive);
        return decision.Kind == DecisionKind.CannotTell ? await NarrowAsync(call, decision, decisive)
            : decision.Kind == DecisionKind.Deny && call.Operation[decisive].Permission == Permission.DeploymentOverride && IsCompared(call) ? await CompareAsync(call, decision, decisive)
            : Conclude(call, decision, decisive);
    }

    private static (PrefectObject Kind, string Id)? NeedsLookup(in Demand demand) =>
        demand.Unknown != Dimensions.None && demand.Prefect is { } names ? PrefectLookups.Of(names) : null;

    /// <summary>
    /// The demand with what its thing tells. What the thing doesn't have is known then, too: a rule that asks for it doesn't match. What the thing doesn't tell stays unknown.
    /// </summary>
    public static Demand Complete(Demand demand, PrefectThing thing)
    {
        if (!thing.Exists)
        {
            // Only what is about to be made gets here: it has nothing yet that a rule could speak of.
            return demand with { Waived = demand.Waived | demand.Unknown, Unknown = Dimensions.None };
        }

        var tells = thing.Tells & demand.Unknown;
        // A flow's tags are its own: what it runs has others.
        if (thing.HasFlowTags && (PermissionDimensions.Of(demand.Permission) & Dimensions.Deployment) != Dimensions.None)
        {
            tells &= ~Dimensions.Tag;
        }

        var (names, unknown) = (demand.Prefect!, demand.Unknown);
        foreach (var dimension in tells.Each())
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
        if (call.Operation[decisive].Unknown == Dimensions.None)
        {
            // It depends on the circumstances.
            return Conclude(call, decision, decisive);
        }

        return await PrefectNarrowing.NarrowAsync(call, call.Context.RequestAborted) switch
        {
            Narrowed.Done => Conclude(call, new Decision(DecisionKind.Allow, decision.Rule, ""), decisive),
            Narrowed.CannotAsk => Conclude(call, decision with { Reason = "the server can't be asked what there is" }, decisive),
            Narrowed.Nothing => Conclude(call, s_absent, decisive),
            // Not can't-tell: it would be the same the next time, and a client would try for minutes.
            Narrowed.NoList => Conclude(call, new Decision(DecisionKind.Deny, decision.Rule, decision.Reason), decisive),
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
