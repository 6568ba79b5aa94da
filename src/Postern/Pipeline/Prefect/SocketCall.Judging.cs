using Postern.Engines.Prefect.Sockets;
using Postern.Forwarding.WebSockets;
using Postern.Identity;
using Postern.Model;
using Postern.Policy;

namespace Postern.Pipeline.Prefect;

/// <summary>Who it is, what he asks for, and what of the engine's messages he may see.</summary>
internal sealed partial class SocketCall
{
    private const CloseCode TaskProtocol = (CloseCode)4001;

    private async ValueTask<SocketStep> AdmitAsync(string? token, CancellationToken cancellation)
    {
        // Asked anew after a can't-tell: what was true then needn't be any more.
        _call.Refusal = null;
        if (await AuthenticateAsync(token, cancellation) is { } stranger)
        {
            return Step(stranger, token is null && _call.Context.Request.Headers.Authorization.Count == 0);
        }

        if (!_call.IsRead && await _parts.Read.RunAsync(_call) is { } unreadable)
        {
            return Step(unreadable);
        }

        if (await AuthorizeAsync() is { } denied)
        {
            return Step(denied);
        }

        if (await _parts.Limit.RunAsync(_call) is { } limited)
        {
            _call.Refusal = limited;
            await Task.Delay(s_limitedFor, _parts.Time, cancellation);
            return SocketStep.Refuse(Reason(limited), CloseCode.ServiceRestart);
        }

        if (!await _parts.Audit.OpenedAsync(_call))
        {
            PrefectLimitStage.Leave(_call);
            return SocketStep.CannotTell;
        }

        _parts.Wheel.Start(this, s_noDeadline);
        return SocketStep.Go;
    }

    /// <summary>The client's token is its credential, where its request had none; beside one it must be the same, or none.</summary>
    private async ValueTask<Refusal?> AuthenticateAsync(string? token, CancellationToken cancellation)
    {
        // Judged with its request, and looked at since then as everything open is.
        if (_isOfSession)
        {
            return token is null ? null : new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. Send one credential: there is a session's cookie, and a token in the first message.", "two credentials");
        }

        var written = _call.Context.Request.Headers.Authorization;
        if (!_isAgreed && (written.Count == 0 || _socket == PrefectSocket.WorkerChannel))
        {
            return new Refusal(RefusalReason.Unreadable, "The subprotocol 'prefect' is missing.", "subprotocol");
        }

        if (token is not null)
        {
            var credential = AuthMessage.CredentialIn(token);
            if (written.Count > 0 && Credential.Read(written, _call.Source)?.Token != credential)
            {
                return new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. The first message has another credential than the request.", "two credentials");
            }

            _authorization = written.Count > 0 ? written : "Bearer " + credential;
        }

        var state = _parts.Current();
        var answer = await state.Identity.AuthenticateAsync(_authorization, _certificate, _call.Source, cancellation);
        if (AuthenticateStage.ForEngine(answer, _call.Engine.Name, out var verified) is { } refusal)
        {
            return refusal;
        }

        _call.Token = verified!;
        _call.CallerState = CallerState.Of(verified!, state.Policy, _parts.Limits);
        return null;
    }

    private async ValueTask<Refusal?> AuthorizeAsync()
    {
        if (!_socket.IsSeenByEach())
        {
            return await _parts.Authorize.RunAsync(_call);
        }

        var (decision, filtered) = Seen(Now);
        _call.Decision = decision;
        _call.IsDecided = true;
        _isFiltered = filtered;
        return decision.IsAllowed ? null : PolicyRefusal.For(_call.Token.Caller, _call.Operation.First, decision);
    }

    /// <summary>Whether the caller may see anything, and whether that is asked message by message.</summary>
    private (Decision Decision, bool IsFiltered) Seen(in Circumstances circumstances)
    {
        var policy = _call.CallerState.Policy;
        var decision = policy.Decide(_call.Operation.First, circumstances);
        return decision.Kind == DecisionKind.CannotTell && policy.ReachOf(_call.Operation.First.Permission, _call.Engine.Name, circumstances).Kind == ReachKind.Some
            ? (new Decision(DecisionKind.Allow, decision.Rule, ""), true)
            : (decision, false);
    }

    /// <summary>What the socket ends with under a policy that is another than it began with; null where it goes on.</summary>
    private Refusal? Again(in Circumstances circumstances)
    {
        var policy = _call.CallerState.Policy;
        if (_socket.IsSeenByEach())
        {
            var (seen, filtered) = Seen(circumstances);
            // What went by unasked must be asked about now, which only a new socket does.
            return !seen.IsAllowed ? Unless(seen, _call.Operation.First)
                : filtered && !_isFiltered ? new Refusal(RefusalReason.CannotTell, "What may be seen has changed: call again.", "seen message by message from now on")
                : null;
        }

        var decision = policy.DecideAll([_call.Operation.First, .. _call.Operation.More, .. _asked], circumstances, out var decisive);
        return Unless(decision, decisive < _call.Operation.Count ? _call.Operation[decisive] : _asked[decisive - _call.Operation.Count]);
    }

    private Refusal? Unless(in Decision decision, in Demand demand) => decision.Kind == DecisionKind.Deny ? PolicyRefusal.For(_call.Token.Caller, demand, decision) : null;

    /// <summary>Judges what the client says that it wants.</summary>
    private ValueTask<SocketStep> JudgeAsync(ReadOnlyMemory<byte> message, CancellationToken cancellation)
    {
        switch (_socket)
        {
            case PrefectSocket.EventsOut or PrefectSocket.LogsOut:
                return new(FilterMessage.IsOne(message) ? SocketStep.Go : Step(Unreadable(FilterMessage.Expected), CloseCode.ProtocolError, FilterMessage.Expected));
            case PrefectSocket.TaskSubscription:
                if (SubscribeMessage.Read(message, out var fault) is not { } subscription)
                {
                    return new(Step(Unreadable(fault), TaskProtocol, fault));
                }

                _call.Facts.Worker = subscription.ClientId;
                _call.Facts.Object = "tasks " + string.Join(',', subscription.Keys);
                return new(SocketStep.Go);
            case PrefectSocket.WorkerChannel:
                return new(Hello(message));
            default:
                return new(SocketStep.Go);
        }
    }

    private SocketStep Hello(ReadOnlyMemory<byte> message)
    {
        if (WorkerHello.Read(message) is not { } hello)
        {
            return Step(Unreadable("a hello that can't be read"), CloseCode.ProtocolError, "protocol_error");
        }

        _call.Facts.Worker = hello.WorkerName;
        var first = _call.Operation.First;
        var pool = first.Prefect!;
        // The channel shows the pool, and hands out what is to be cleared away in it.
        var asked = new List<Demand> { first with { Permission = Permission.WorkPoolRead } };
        asked.AddRange(hello.WorkQueues.Distinct(StringComparer.Ordinal).Select(queue => first with { Prefect = pool with { WorkQueue = queue } }));
        if (hello.TakesCleanup)
        {
            asked.Add(first with { Permission = Permission.WorkPoolPoll });
        }

        var demands = asked.ToArray();
        var policy = _call.CallerState.Policy;
        var decision = policy.DecideAll(demands, Now, out var decisive);
        if (!decision.IsAllowed)
        {
            var refusal = PolicyRefusal.For(_call.Token.Caller, demands[decisive], decision);
            return decision.Kind == DecisionKind.Deny ? Step(refusal, CloseCode.PolicyViolation, "authorization_failed") : SocketStep.CannotTell;
        }

        _asked = demands;
        var mayWrite = !hello.WritesPool || policy.Decide(first with { Permission = Permission.WorkPoolWrite }, Now).IsAllowed;
        return mayWrite ? SocketStep.Go : SocketStep.With(WorkerHello.WithoutWishes(message));
    }

    /// <summary>Whether a message of the engine may be seen; null where that can't be told.</summary>
    private async ValueTask<bool?> MaySeeAsync(ReadOnlyMemory<byte> message, CancellationToken cancellation)
    {
        if (SubjectMessage.Read(_socket, message) is not { Count: > 0 } subjects)
        {
            return false;
        }

        foreach (var subject in subjects)
        {
            var demand = _call.Operation.First with { Prefect = subject with { Server = _call.Engine.Name } };
            var decision = _call.CallerState.Policy.Decide(demand, Now);
            if (decision.Kind == DecisionKind.CannotTell)
            {
                if (await Engine.Lookups.FindAsync(subject.Object, subject.ObjectId!, cancellation) is not { } thing)
                {
                    return null;
                }

                if (!thing.Exists)
                {
                    return false;
                }

                decision = _call.CallerState.Policy.Decide(PrefectAuthorizeStage.Complete(demand, thing), Now);
            }

            // What can't be told by all that there is to know won't be told later either.
            if (!decision.IsAllowed)
            {
                return false;
            }
        }

        return true;
    }

    private static Refusal Unreadable(string detail) => new(RefusalReason.Unreadable, "The message can't be read.", detail);

    /// <summary>What a refusal is on a socket: a no is said once, as the server says it; what can't be told is waited for.</summary>
    private SocketStep Step(Refusal refusal, bool isMissing = false)
    {
        _call.Refusal = refusal;
        return refusal.Reason switch
        {
            RefusalReason.Unauthenticated => SocketStep.Refuse(isMissing ? PrefectSockets.NoToken : PrefectSockets.InvalidToken),
            RefusalReason.NotAllowed => SocketStep.Refuse(Reason(refusal)),
            RefusalReason.Unreadable => SocketStep.Refuse(refusal.Text, CloseCode.ProtocolError),
            _ => SocketStep.CannotTell,
        };
    }

    private SocketStep Step(Refusal refusal, CloseCode code, string reason)
    {
        _call.Refusal = refusal;
        return SocketStep.Refuse(reason, code);
    }
}
