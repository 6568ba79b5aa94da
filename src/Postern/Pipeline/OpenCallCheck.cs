using Postern.Identity;
using Postern.Model;
using Postern.Policy;

namespace Postern.Pipeline;

/// <summary>
/// Whether a call that waits for the engine may go on waiting: its credential may have been revoked, its account changed, its binding taken away. A write that
/// is under way isn't cut, since nobody would know what became of it; it takes moments anyway.
/// </summary>
internal sealed class OpenCallCheck(GateState state, LimitStage limits, DateTimeOffset now)
{
    /// <summary>The state that is in force now.</summary>
    public GateState State => state;

    public DateTimeOffset Now => now;

    /// <summary>What the call ends with; null where it may go on. Asked for every open call each second: it does no I/O.</summary>
    public Refusal? Judge(Call call)
    {
        if (call.AuditClass == AuditClass.Write)
        {
            return null;
        }

        if (OfCredential(call.Token) is { } ended)
        {
            return ended;
        }

        if (ReferenceEquals(call.CallerState.MadeFrom, state.Policy))
        {
            return null;
        }

        // Judged once by each new policy: what it allows goes on under it.
        call.CallerState = CallerState.Of(call.Token, state.Policy, limits);
        var decision = call.CallerState.Policy.DecideAll(call.Operation, new Circumstances(call.Source, now), out var decisive);
        return decision.Kind == DecisionKind.Deny ? PolicyRefusal.For(call.Token.Caller, call.Operation[decisive], decision) : null;
    }

    /// <summary>What a call ends with whose credential was taken away; null where it wasn't.</summary>
    public static Refusal? OfCredential(VerifiedToken token) => token.Ended switch
    {
        LeaseEnd.Revoked => new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. The credential was revoked.", "revoked while the call was open"),
        LeaseEnd.Changed => new Refusal(RefusalReason.CannotTell, "What the credential stands for has changed: call again.", "changed while the call was open"),
        _ => null,
    };
}
