using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Postern.Engines.Temporal;
using Postern.Model;
using Postern.Policy;
using Postern.Telemetry;

namespace Postern.Pipeline;

/// <summary>Caller and operation → decision. Every demand of the operation must be allowed; one that is denied decides before one that can't be told, whichever comes first.
/// What can't be told only because it spans workflows of any type is narrowed to the types that are allowed.</summary>
internal sealed partial class AuthorizeStage(RecentPollers pollers, OwnedQueues owned, ILogger<AuthorizeStage> logger)
{
    private const int LookupsAtOnce = 8;
    private const string NotAsked = "the engine can't be asked about the workflow";

    // What isn't there is refused as what may not be touched: the words don't tell which of the two it is.
    private static readonly Decision s_absent = new(DecisionKind.Deny, CallerPolicy.NoRule, "no binding allows it");

    public ValueTask<Refusal?> RunAsync(Call call)
    {
        var decision = Decide(call, out var decisive);
        // Who may nothing of the kind in any namespace makes nobody ask for its name.
        return decision.Kind != DecisionKind.Deny && call.Operation.NamesById ? ResolveAsync(call) : ConcludeOrLookUpAsync(call, decision, decisive);
    }

    private ValueTask<Refusal?> ConcludeOrLookUpAsync(Call call, Decision decision, int decisive)
    {
        if (decision.Kind != DecisionKind.CannotTell)
        {
            return new ValueTask<Refusal?>(Conclude(call, decision, decisive));
        }

        ref readonly var undecided = ref call.Operation[decisive];
        return undecided.RunId is not null ? LookUpAllAsync(call, decision, decisive)
            : call.Operation.Query is null && CanBeLookedUp(undecided) ? LookUpAsync(call, decision, decisive)
            : new ValueTask<Refusal?>(ConcludeByType(call, decision, decisive));
    }

    private static Decision Decide(Call call, out int decisive) =>
        call.CallerState.Policy.DecideAll(call.Operation, new Circumstances(call.Source, call.Time), out decisive);

    private Refusal? ConcludeByType(Call call, Decision decision, int decisive)
    {
        WorkflowTypes? types = null;
        if (call.Operation.Query is not null)
        {
            decision = call.CallerState.Policy.DecideByType([call.Operation.First, .. call.Operation.More], new Circumstances(call.Source, call.Time), out types);
        }

        return Conclude(call, decision, decisive) ?? (types is null ? null : QueryNarrowing.Narrow(call, call.Operation.Query!, types));
    }

    private Refusal? Conclude(Call call, in Decision decision, int decisive)
    {
        call.Decision = decision;
        call.IsDecided = true;
        if (!decision.IsAllowed)
        {
            return Refuse(call, call.Operation[decisive], decision);
        }

        if (call.Method.Row.IsTaskPoll)
        {
            pollers.Note(call.Token.Caller, call.Operation, call.Time);
        }

        var foreign = call.Operation is { StickyQueue: null, ControlQueue: null } ? null : owned.Admit(call.Engine.Name, call.Token.Caller, call.Operation, isPoll: call.Method.Row.IsTaskPoll);
        return foreign ?? call.Operation.Fault;
    }

    // The message names its namespace by an id, a token that nobody sealed names one besides, or a callback's token that of what it ends.
    private async ValueTask<Refusal?> ResolveAsync(Call call)
    {
        if (call.Operation.NamespaceId is { } id)
        {
            if (await MeantAsync(call, id) is not { } meant)
            {
                return CannotTellNamespace(call);
            }

            if (call.Operation.Namespace is not { } named)
            {
                call.Operation = call.Operation.With(demand => demand is { Namespace: null, NamespaceId: null } && demand.Unknown.HasFlag(Dimensions.Namespace) ? In(demand, meant) : demand);
            }
            else if (!string.Equals(named, meant, StringComparison.Ordinal))
            {
                return new Refusal(RefusalReason.Unreadable, "Operation requested with a token from a different namespace.", "the token's namespace isn't the message's");
            }
        }

        // Where any namespace will do, none is asked for.
        var decision = Decide(call, out var decisive);
        while (decision.Kind == DecisionKind.CannotTell && call.Operation.NextId() is { } next)
        {
            if (await MeantAsync(call, next) is not { } meant)
            {
                return CannotTellNamespace(call);
            }

            call.Operation = call.Operation.With(demand => string.Equals(demand.NamespaceId, next, StringComparison.Ordinal) ? In(demand, meant) : demand);
            decision = Decide(call, out decisive);
        }

        return await ConcludeOrLookUpAsync(call, decision, decisive);
    }

    private static Demand In(in Demand demand, string ns) => demand with { Namespace = ns, Unknown = demand.Unknown & ~Dimensions.Namespace };

    // No namespace is ever called by another's id: judged as one of that name, as which it is nobody's.
    private static async ValueTask<string?> MeantAsync(Call call, string id) =>
        await call.Engine.Lookups.NamespaceOf(id, call.Lifetime.RequestAborted) is { } name ? name.Length > 0 ? name : id : null;

    private static Refusal CannotTellNamespace(Call call)
    {
        call.IsDecided = true;
        return new Refusal(RefusalReason.CannotTell, "Can't tell which namespace is meant: the engine can't be asked.", "namespace by id");
    }

    private const Dimensions OfRun = Dimensions.WorkflowType | Dimensions.TaskQueue | Dimensions.ActivityType;

    // Only a demand that some rule could allow comes here at all.
    private static bool CanBeLookedUp(in Demand demand) =>
        demand is { Namespace: not null, WorkflowId: not null } && (demand.Unknown & OfRun) != Dimensions.None;

    private async ValueTask<Refusal?> LookUpAsync(Call call, Decision decision, int decisive)
    {
        while (true)
        {
            var asked = call.Operation[decisive];
            // The run that the message names is one of its own workflow.
            var run = asked.NamespaceId is null ? call.Operation.RunId : null;
            var facts = await call.Engine.Lookups.RunOf(asked.Namespace!, asked.WorkflowId!, run, asked.ActivityId is not null, call.Lifetime.RequestAborted);
            if (facts is null)
            {
                return Conclude(call, new Decision(DecisionKind.CannotTell, decision.Rule, NotAsked), decisive);
            }

            if (!facts.Exists && StartedBy(call.Operation, asked) is { } start)
            {
                facts = new RunFacts(true, start.WorkflowType, start.TaskQueue, facts.Activities);
            }

            if (!facts.Exists)
            {
                return Conclude(call, s_absent, decisive);
            }

            call.Operation = call.Operation.With(demand => IsOfSame(demand, asked) ? Complete(demand, facts) : demand);
            decision = Decide(call, out decisive);
            var next = call.Operation[decisive];
            if (decision.Kind != DecisionKind.CannotTell || !CanBeLookedUp(next) || (next.WorkflowId == asked.WorkflowId && next.Namespace == asked.Namespace))
            {
                return Conclude(call, decision, decisive);
            }
        }
    }

    // What signal- or update-with-start is about isn't there yet, most often: then it is what the same call starts.
    private static Demand? StartedBy(Operation operation, in Demand asked)
    {
        for (var i = 0; i < operation.Count; i++)
        {
            ref readonly var demand = ref operation[i];
            if (demand.Permission == Permission.WorkflowStart && demand.NamespaceId is null && asked.NamespaceId is null
                && string.Equals(demand.WorkflowId, asked.WorkflowId, StringComparison.Ordinal) && string.Equals(demand.Namespace, asked.Namespace, StringComparison.Ordinal))
            {
                return demand;
            }
        }

        return null;
    }

    // A batch that lists workflows: what any of them lacks is looked up, each run once and a few at a time, and then all are judged as one.
    private async ValueTask<Refusal?> LookUpAllAsync(Call call, Decision decision, int decisive)
    {
        var runs = new ConcurrentDictionary<(string Namespace, string Workflow, string Run), RunFacts?>();
        for (var i = 0; i < call.Operation.Count; i++)
        {
            var demand = call.Operation[i];
            var one = call.CallerState.Policy.DecideAll([demand], new Circumstances(call.Source, call.Time), out _);
            if (one.Kind != DecisionKind.CannotTell)
            {
                continue;
            }

            if (demand.RunId is not { Length: > 0 } run)
            {
                return Conclude(call, one with { Reason = "the batch names a workflow without its run, and by the time its turn comes that may be another" }, i);
            }

            if (!CanBeLookedUp(demand))
            {
                return Conclude(call, one, i);
            }

            runs[(demand.Namespace!, demand.WorkflowId!, run)] = null;
        }

        var options = new ParallelOptions { MaxDegreeOfParallelism = LookupsAtOnce, CancellationToken = call.Lifetime.RequestAborted };
        await Parallel.ForEachAsync(runs.Keys, options, async (run, cancellation) =>
            runs[run] = await call.Engine.Lookups.RunOf(run.Namespace, run.Workflow, run.Run, false, cancellation));
        if (runs.Values.Any(facts => facts is { Exists: false }))
        {
            return Conclude(call, s_absent, decisive);
        }

        if (runs.Values.Any(facts => facts is null))
        {
            return Conclude(call, new Decision(DecisionKind.CannotTell, decision.Rule, NotAsked), decisive);
        }

        call.Operation = call.Operation.With(demand => demand is { Namespace: { } ns, WorkflowId: { } workflow, RunId: { } run } && runs.TryGetValue((ns, workflow, run), out var facts)
            ? Complete(demand, facts!)
            : demand);
        return Conclude(call, Decide(call, out decisive), decisive);
    }

    private static bool IsOfSame(in Demand demand, in Demand asked) =>
        string.Equals(demand.WorkflowId, asked.WorkflowId, StringComparison.Ordinal) && string.Equals(demand.Namespace, asked.Namespace, StringComparison.Ordinal);

    private static Demand Complete(Demand demand, RunFacts facts)
    {
        var activity = demand.ActivityId is { } id ? facts.Activities.GetValueOrDefault(id) : null;
        var queue = demand.ActivityId is null ? facts.TaskQueue : activity?.TaskQueue;
        if (demand.Unknown.HasFlag(Dimensions.WorkflowType) && facts.Type is { } type)
        {
            demand = demand with { WorkflowType = type, Unknown = demand.Unknown & ~Dimensions.WorkflowType };
        }

        if (demand.Unknown.HasFlag(Dimensions.TaskQueue) && queue is not null)
        {
            demand = demand with { TaskQueue = queue, Unknown = demand.Unknown & ~Dimensions.TaskQueue };
        }

        return demand.Unknown.HasFlag(Dimensions.ActivityType) && activity?.Type is { } activityType
            ? demand with { ActivityType = activityType, Unknown = demand.Unknown & ~Dimensions.ActivityType }
            : demand;
    }

    private Refusal Refuse(Call call, in Demand demand, in Decision decision)
    {
        var caller = call.Token.Caller;
        if (call.Method.Row.IsTaskPoll && decision.Kind == DecisionKind.Deny)
        {
            // Core workers are silent for a minute and then die: the operator must be able to see it from the first denied poll on.
            Log.PollDenied(logger, caller.Name, demand.Permission.Name(), demand.Namespace ?? "", demand.TaskQueue ?? "", decision.Rule, call.Id);
        }

        // Asked about by its id, a namespace is called so in the refusal too: its name may be more than the caller may know. The record has both.
        var id = demand.NamespaceId ?? (call.Method.Row.Shape == TemporalShape.NamespaceById ? call.Operation.NamespaceId : null);
        var shown = id is null ? demand : demand with { Namespace = id };
        var refusal = PolicyRefusal.For(caller, shown, decision);
        if (demand.Command != 0 && decision.Kind == DecisionKind.Deny)
        {
            return refusal with { Command = demand.Command };
        }

        // To look at one namespace is to ask whether it is there.
        return call.Method.Row.Hides && decision.Kind == DecisionKind.Deny ? refusal with { HiddenNamespace = shown.Namespace } : refusal;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Pipeline + 2, LogLevel.Warning, "Poll denied: {Caller} may not {Permission} in {Namespace} on {TaskQueue} (rule {Rule}). Workers end after 60 s of this [call {CallId}]")]
        public static partial void PollDenied(ILogger logger, string caller, string permission, string @namespace, string taskQueue, string rule, string callId);
    }
}
