using Microsoft.Extensions.Primitives;
using Postern.Engines.Prefect;
using Postern.Engines.Prefect.Sockets;
using Postern.Forwarding;
using Postern.Forwarding.WebSockets;
using Postern.Identity;
using Postern.Identity.Certificates;
using Postern.Model;
using Postern.Policy;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// One socket as a call: who it is, what he may have of it, and whether he still may. Everything is asked of the state that is in force when it is asked, since a
/// socket outlives many of them.
/// </summary>
internal sealed partial class SocketCall : Deadline
{
    // It stands on the wheel to be looked at, not to end by itself.
    private static readonly TimeSpan s_noDeadline = TimeSpan.FromDays(365);

    // Who has too many calls open comes again, but not at once.
    private static readonly TimeSpan s_limitedFor = TimeSpan.FromSeconds(5);

    private readonly SocketParts _parts;
    private readonly PrefectCall _call;
    private readonly PrefectSocket _socket;
    private readonly bool _isAgreed;
    private readonly PresentedCertificate? _certificate;
    private readonly bool _isOfSession;
    private SocketSession? _session;
    private StringValues _authorization;

    // Beside the operation's own: what the client's message asked for.
    private Demand[] _asked = [];
    private bool _isFiltered;
    private int _renewing;

    public SocketCall(SocketParts parts, PrefectCall call, PrefectSocket socket, bool isAgreed, PresentedCertificate? certificate)
    {
        (_parts, _call, _socket, _isAgreed, _certificate) = (parts, call, socket, isAgreed, certificate);
        _authorization = call.Context.Request.Headers.Authorization;
        _isOfSession = call.IsAuthenticated;
    }

    private Circumstances Now => new(_call.Source, _parts.Time.GetUtcNow());

    /// <summary>The engine as it is configured now; the one it was, where there is none of its name any more.</summary>
    private PrefectEngine Engine => _parts.Current().Prefect.FirstOrDefault(engine => engine.Name == _call.Engine.Name) ?? _call.Engine;

    public async Task<SocketEnd> RunAsync(Stream client)
    {
        using var session = new SocketSession(Plan(), client, _parts.Time);
        _session = session;
        using var draining = _parts.Draining.UnsafeRegister(static socket => ((SocketCall)socket!).Drain(), this);
        try
        {
            var end = await session.RunAsync();
            var note = $"closed {(int)end.Code} ({end.Reason}); {end.Received} received, {end.Sent} sent, {end.Withheld} withheld";
            _call.Note = note;
            _call.Refusal = _call.Refusal is { } refusal ? refusal with { Detail = $"{refusal.Detail}; {note}" } : null;
            return end;
        }
        finally
        {
            _parts.Wheel.Stop(this);
        }
    }

    protected internal override void Elapsed(int generation, bool early)
    {
        if (early)
        {
            Drain();
        }
        else
        {
            _parts.Wheel.Start(this, s_noDeadline);
        }
    }

    /// <summary>Ends the socket where its caller, as things stand now, would not get so far again.</summary>
    protected internal override void Recheck(object with)
    {
        var check = (OpenCallCheck)with;
        if (OpenCallCheck.OfCredential(_call.Token) is { } ended)
        {
            End(ended);
            return;
        }

        if (!ReferenceEquals(_call.CallerState.MadeFrom, check.State.Policy))
        {
            // Judged once by each new policy: what it allows goes on under it.
            _call.CallerState = CallerState.Of(_call.Token, check.State.Policy, _parts.Limits);
            if (Again(new Circumstances(_call.Source, check.Now)) is { } refusal)
            {
                End(refusal);
                return;
            }
        }

        if (!_call.Token.Stands(check.Now) && Interlocked.Exchange(ref _renewing, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static socket => _ = socket.RenewAsync(), this, preferLocal: false);
        }
    }

    private SocketPlan Plan() => new()
    {
        Socket = _socket,
        IsAgreed = _isAgreed,
        Admit = AdmitAsync,
        Judge = _socket.HasFirstMessage() ? JudgeAsync : null,
        MaySee = () => _isFiltered ? MaySeeAsync : null,
        Credentials = () => Engine.Credential is { OnTrial: { } offered } credential ? [Of(credential.Current), Of(offered)] : [Of(Engine.Credential.Current)],
        Open = OpenAsync,
        Away = fault => Away(fault),
    };

    private static SocketCredential Of(PrefectPresented presented) => new(presented.Token, presented.Authorization);

    private void Away(string fault)
    {
        _call.Note = fault;
        Engine.NoteUnreached();
    }

    private async Task<EngineSocket> OpenAsync(SocketCredential credential, CancellationToken cancellation)
    {
        var engine = Engine;
        using var request = new HttpRequestMessage(HttpMethod.Get, PrefectTransformer.UriOf(_call));
        PrefectTransformer.AddHeaders(_call, request, credential.Header);
        var socket = await EngineSocket.OpenAsync(await engine.Http.ConnectAsync(cancellation), request, PrefectSockets.Subprotocol, cancellation);
        if (socket.Stream is not null)
        {
            engine.NoteReached();
        }

        return socket;
    }

    private void Drain() => End(new Refusal(RefusalReason.Draining, "The gate is shutting down"));

    private void End(Refusal refusal)
    {
        _call.Refusal ??= refusal;
        // A revoked caller hears so, and hears it again when he comes back; whoever is only moved hears what makes him come back.
        var isFinal = refusal.Reason is RefusalReason.Unauthenticated or RefusalReason.NotAllowed;
        _session?.End(isFinal ? CloseCode.PolicyViolation : CloseCode.ServiceRestart, Reason(refusal));
    }

    // A close frame has little room: the id must fit in.
    private string Reason(Refusal refusal) => refusal.Reason switch
    {
        RefusalReason.Unauthenticated => PrefectSockets.InvalidToken,
        RefusalReason.NotAllowed => $"Not allowed: {_call.Route.Base.Name()} [call {_call.Id}]",
        RefusalReason.Draining => "The gate is shutting down",
        _ => $"Come again [call {_call.Id}]",
    };

    /// <summary>Asks once more who it is, where what was found out about the credential has run out.</summary>
    private async Task RenewAsync()
    {
        try
        {
            if (_isOfSession)
            {
                // Its cookie is judged with a request.
                End(new Refusal(RefusalReason.CannotTell, "The session has to be looked at again: call again.", "session"));
                return;
            }

            var answer = await _parts.Current().Identity.AuthenticateAsync(_authorization, _certificate, _call.Source, CancellationToken.None);
            if (AuthenticateStage.ForEngine(answer, _call.Engine.Name, out var token) is { } refusal)
            {
                End(refusal);
                return;
            }

            if (token!.Caller.Name != _call.Token.Caller.Name)
            {
                End(new Refusal(RefusalReason.CannotTell, "What the credential stands for has changed: call again.", "another caller"));
                return;
            }

            _call.Token = token;
            _call.CallerState = CallerState.Of(token, _parts.Current().Policy, _parts.Limits);
            if (Again(Now) is { } denied)
            {
                End(denied);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            End(new Refusal(RefusalReason.CannotTell, "The credential can't be checked.", e.GetType().Name));
        }
        finally
        {
            Volatile.Write(ref _renewing, 0);
        }
    }
}
