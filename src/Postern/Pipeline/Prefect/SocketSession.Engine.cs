using System.Net;
using Postern.Engines.Prefect.Sockets;
using Postern.Forwarding.WebSockets;

namespace Postern.Pipeline.Prefect;

/// <summary>What leads to the engine, and what it sends. Whatever the client is told by the gate itself once it was let in, it is told from here.</summary>
internal sealed partial class SocketSession
{
    private static readonly TimeSpan s_firstWait = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(5);

    private async Task<(CloseCode Code, string Reason)> EngineAsync()
    {
        await Task.Yield();
        try
        {
            if (await AdmitAsync() is { Answer: SocketAnswer.Close } refused)
            {
                return await CloseClientAsync(refused.Code, refused.Reason, _toClient);
            }

            if (await OpenAsync() is not { } engine)
            {
                return await CloseClientAsync(CloseCode.PolicyViolation, "The engine has no such socket", _toClient);
            }

            if (_plan.IsAgreed)
            {
                await _toClient.WriteAsync(Opcode.Text, PrefectSockets.AuthSuccess, _cut.Token);
            }

            // From here on the client's frames are the engine's to answer.
            await _toClient.HandOverAsync(_cut.Token);
            if (!_engine.TrySetResult(engine))
            {
                await engine.DisposeAsync();
                return default;
            }

            return await PassOnAsync(engine);
        }
        catch (Exception e) when (IsOfConnection(e))
        {
            return _end is { } end ? await CloseClientAsync(end.Code, end.Reason, _toClient) : default;
        }
    }

    private async ValueTask<SocketStep> AdmitAsync()
    {
        string? token;
        try
        {
            token = await _token.Task.WaitAsync(_plan.FirstMessage, _time, _stop.Token);
        }
        catch (TimeoutException)
        {
            return SocketStep.Refuse(PrefectSockets.ExpectedAuth);
        }

        return await WhileItCantBeToldAsync(() => _plan.Admit(token, _stop.Token));
    }

    /// <summary>Asks until there is an answer.</summary>
    private async ValueTask<SocketStep> WhileItCantBeToldAsync(Func<ValueTask<SocketStep>> ask)
    {
        for (var wait = s_firstWait; ; wait = Longer(wait))
        {
            var step = await ask();
            if (step.Answer != SocketAnswer.CannotTell)
            {
                return step;
            }

            await WaitAsync(wait);
        }
    }

    /// <summary>Opens the engine's socket, however long that takes; null where the engine has none of the kind.</summary>
    private async ValueTask<Engine?> OpenAsync()
    {
        for (var wait = s_firstWait; ; wait = Longer(wait))
        {
            var fault = "";
            foreach (var credential in _plan.Credentials())
            {
                using var time = new CancellationTokenSource(_plan.EngineHandshake, _time);
                using var until = CancellationTokenSource.CreateLinkedTokenSource(time.Token, _stop.Token);
                try
                {
                    var socket = await _plan.Open(credential, until.Token);
                    if (socket.Status is HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed)
                    {
                        // A server of an older version; 403 is what its framework says of a socket that it doesn't know.
                        return null;
                    }

                    fault = socket.Fault ?? "";
                    if (socket.Stream is not null && await GreetAsync(socket, credential, until.Token) is var (engine, why))
                    {
                        if (engine is not null)
                        {
                            return engine;
                        }

                        fault = why;
                    }
                }
                catch (Exception e) when (IsOfConnection(e) && !_stop.IsCancellationRequested)
                {
                    fault = time.IsCancellationRequested ? "it takes too long" : e.GetType().Name;
                }
            }

            _plan.Away?.Invoke(fault);
            await WaitAsync(wait);
        }
    }

    /// <summary>Says the gate's own first message and waits to be let in.</summary>
    private static async ValueTask<(Engine? Engine, string Why)> GreetAsync(EngineSocket socket, SocketCredential credential, CancellationToken cancellation)
    {
        var engine = new Engine(socket.Stream!, socket.Early);
        var why = "";
        try
        {
            if (!socket.TookProtocol)
            {
                // A server of before the handshake: it takes what comes.
                return (engine, "");
            }

            await engine.WriteAsync(Opcode.Text, AuthMessage.Write(credential.Token), cancellation);
            while (why.Length == 0)
            {
                var message = await engine.Reader.ReadAsync(cancellation);
                switch (message.Kind)
                {
                    case MessageKind.Text when AuthMessage.IsSuccess(message.Payload):
                        return (engine, "");
                    case MessageKind.Ping:
                        await engine.WriteAsync(Opcode.Pong, message.Payload, cancellation);
                        break;
                    case MessageKind.Pong:
                        break;
                    default:
                        why = message.Code == CloseCode.PolicyViolation ? "it takes none of the gate's credentials" : $"it ended the handshake ({message.Kind} {(int)message.Code})";
                        break;
                }
            }
        }
        catch (Exception e) when (IsOfConnection(e))
        {
            engine.Reader.Dispose();
            await engine.DisposeAsync();
            throw;
        }

        engine.Reader.Dispose();
        await engine.DisposeAsync();
        return (null, why);
    }

    private async ValueTask<(CloseCode, string)> PassOnAsync(Engine engine)
    {
        PumpEnd end;
        var atBoundary = true;
        if (_plan.MaySee() is { } maySee)
        {
            using var writer = new FrameWriter(_client, masks: false);
            using var reader = engine.Reader;
            _filtered = new FilteredPump(reader, writer, maySee);
            end = await _filtered.RunAsync(_stop.Token, _cut.Token);
        }
        else
        {
            // Often there is none, and then no buffer is kept for it.
            var unread = engine.Reader.Unread.ToArray();
            engine.Reader.Dispose();
            _fromEngine = new SocketPump(engine.Stream, _client, long.MaxValue);
            end = await _fromEngine.RunAsync(unread, _stop.Token, _cut.Token);
            atBoundary = _fromEngine.Track.AtBoundary;
        }

        var said = end switch
        {
            PumpEnd.Stopped => _end ?? default,
            // Clients that hear 1000 or 1001 from a server end for good; these two make them come again.
            PumpEnd.Ended or PumpEnd.Lost => (CloseCode.ServiceRestart, "The engine broke off"),
            PumpEnd.CannotTell => (CloseCode.ServiceRestart, "It can't be told at the moment what may be seen"),
            _ => default,
        };
        return said.Item1 != CloseCode.None && atBoundary ? await CloseClientAsync(said.Item1, said.Item2)
            : end == PumpEnd.Closed ? (CloseCode.Normal, "closed by the engine")
            : said;
    }

    private static TimeSpan Longer(TimeSpan wait) => wait + wait < s_longestWait ? wait + wait : s_longestWait;

    // Not all at once, when the engine is back.
    private Task WaitAsync(TimeSpan wait) => Task.Delay(wait * (0.75 + (Random.Shared.NextDouble() / 2)), _time, _stop.Token);
}
