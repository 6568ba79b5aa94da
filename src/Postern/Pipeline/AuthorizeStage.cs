using Microsoft.Extensions.Logging;
using Postern.Model;
using Postern.Policy;
using Postern.Telemetry;

namespace Postern.Pipeline;

/// <summary>Caller and operation → decision. Every demand of the operation must be allowed; one that is denied decides before one that can't be told, whichever comes first.
/// What can't be told only because it spans workflows of any type is narrowed to the types that are allowed.</summary>
internal sealed partial class AuthorizeStage(RecentPollers pollers, ILogger<AuthorizeStage> logger)
{
    public Refusal? Run(Call call)
    {
        var operation = call.Operation;
        var policy = call.CallerState.Policy;
        var circumstances = new Circumstances(call.Source, call.Time);
        var decision = policy.DecideAll(operation, circumstances, out var decisive);
        WorkflowTypes? types = null;
        if (decision.Kind == DecisionKind.CannotTell && operation.Query is not null)
        {
            decision = policy.DecideByType([operation.First, .. operation.More], circumstances, out types);
        }

        call.Decision = decision;
        call.IsDecided = true;
        if (!decision.IsAllowed)
        {
            return Refuse(call, operation[decisive], decision);
        }

        if (types is not null)
        {
            return QueryNarrowing.Narrow(call, operation.Query!, types);
        }

        if (call.Method.Row.IsTaskPoll)
        {
            pollers.Note(call.Token.Caller, operation, call.Time);
        }

        return null;
    }

    private Refusal Refuse(Call call, in Demand demand, in Decision decision)
    {
        var caller = call.Token.Caller;
        if (call.Method.Row.IsTaskPoll && decision.Kind == DecisionKind.Deny)
        {
            // Core workers are silent for a minute and then die: the operator must be able to see it from the first denied poll on.
            Log.PollDenied(logger, caller.Name, demand.Permission.Name(), demand.Namespace ?? "", demand.TaskQueue ?? "", decision.Rule, call.Id);
        }

        var refusal = PolicyRefusal.For(caller, demand, decision);
        // To look at one namespace is to ask whether it is there.
        return call.Method.Row.Hides && decision.Kind == DecisionKind.Deny ? refusal with { HiddenNamespace = demand.Namespace } : refusal;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Pipeline + 2, LogLevel.Warning, "Poll denied: {Caller} may not {Permission} in {Namespace} on {TaskQueue} (rule {Rule}). Workers end after 60 s of this [call {CallId}]")]
        public static partial void PollDenied(ILogger logger, string caller, string permission, string @namespace, string taskQueue, string rule, string callId);
    }
}
