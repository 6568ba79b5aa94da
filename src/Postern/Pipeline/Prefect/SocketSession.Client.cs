using Postern.Engines.Prefect.Sockets;
using Postern.Forwarding.WebSockets;

namespace Postern.Pipeline.Prefect;

/// <summary>What the client sends.</summary>
internal sealed partial class SocketSession
{
    private const string ByClient = "closed by the client";

    // It has said its last word, or there is nobody to say one.
    private bool _clientDone;

    private async Task<(CloseCode Code, string Reason)> ClientAsync()
    {
        // It begins on the caller's own turn, and must not run on there.
        await Task.Yield();
        using var reader = new FrameReader(_client, masked: true, AuthMessage.Longest);
        try
        {
            return await HearFirstAsync(reader) ?? await HearAsync(reader) ?? await CopyAsync(reader);
        }
        catch (Exception e) when (IsOfConnection(e))
        {
            return BrokeOff();
        }
        finally
        {
            _token.TrySetCanceled(CancellationToken.None);
        }
    }

    /// <summary>Waits for the token. Clients send a ping before it and wait for the answer.</summary>
    private async ValueTask<(CloseCode, string)?> HearFirstAsync(FrameReader reader)
    {
        if (!_plan.IsAgreed)
        {
            _token.TrySetResult(null);
            return null;
        }

        while (true)
        {
            var message = await reader.ReadAsync(_cut.Token);
            if (message.Kind is MessageKind.Text or MessageKind.Binary)
            {
                string? token = null;
                var fault = PrefectSockets.ExpectedAuth;
                if (message.Kind == MessageKind.Binary || !AuthMessage.TryRead(message.Payload, out token, out fault))
                {
                    End(CloseCode.PolicyViolation, fault);
                    return (CloseCode.PolicyViolation, fault);
                }

                _token.TrySetResult(token);
                return null;
            }

            if (await AnswerAsync(message) is (_, { } end))
            {
                return end;
            }
        }
    }

    /// <summary>Hears the client while the engine isn't there yet, and then its one message that is judged.</summary>
    private async ValueTask<(CloseCode, string)?> HearAsync(FrameReader reader)
    {
        reader.Limit = _plan.Judge is null ? LongestMessage : LongestFirstMessage;
        while (true)
        {
            var message = await reader.ReadAsync(_cut.Token);
            var isData = message.Kind is MessageKind.Text or MessageKind.Binary;
            if (!_engine.Task.IsCompleted && !isData)
            {
                var (answered, end) = await AnswerAsync(message);
                if (end is not null)
                {
                    return end;
                }

                if (answered)
                {
                    continue;
                }
            }

            if (await _engine.Task.WaitAsync(_cut.Token) is not { } engine)
            {
                return (CloseCode.None, "");
            }

            switch (message.Kind)
            {
                case MessageKind.Ended:
                    return BrokeOff();
                case MessageKind.Fault:
                    return Faulted(message);
                case MessageKind.Close:
                    _clientDone = true;
                    await engine.WriteAsync(Opcode.Close, message.Payload, _cut.Token);
                    return (Said(message), ByClient);
                case MessageKind.Ping or MessageKind.Pong:
                    await engine.WriteAsync(message.Kind == MessageKind.Ping ? Opcode.Ping : Opcode.Pong, message.Payload, _cut.Token);
                    break;
                default:
                    if (await PassAsync(engine, message) is { } refused)
                    {
                        return refused;
                    }

                    _framed++;
                    return null;
            }

            if (_plan.Judge is null && reader.AtMessage)
            {
                return null;
            }
        }
    }

    /// <summary>Passes the message that is judged, where there is such a one.</summary>
    private async ValueTask<(CloseCode, string)?> PassAsync(Engine engine, SocketMessage message)
    {
        var step = SocketStep.Go;
        if (_plan.Judge is { } judge)
        {
            // The server reads texts; a binary message is an error to it that nobody need be led into.
            step = message.Kind == MessageKind.Text ? await WhileItCantBeToldAsync(() => judge(message.Payload, _stop.Token)) : SocketStep.Refuse("Expected a text message", CloseCode.ProtocolError);
            if (step.Answer == SocketAnswer.Close)
            {
                End(step.Code, step.Reason);
                return (step.Code, step.Reason);
            }
        }

        await engine.WriteAsync(message.Kind == MessageKind.Text ? Opcode.Text : Opcode.Binary, step.Message ?? message.Payload, _cut.Token);
        return null;
    }

    private async Task<(CloseCode, string)> CopyAsync(FrameReader reader)
    {
        if (await _engine.Task.WaitAsync(_cut.Token) is not { } engine)
        {
            return (CloseCode.None, "");
        }

        // Often there is none, and then no buffer is kept for it.
        var unread = reader.Unread.ToArray();
        reader.Dispose();
        _fromClient = new SocketPump(_client, engine.Stream, LongestMessage);
        var end = await _fromClient.RunAsync(unread, _cut.Token, _cut.Token);
        if (end == PumpEnd.TooLarge)
        {
            End(CloseCode.TooLarge, "the message is too long");
        }

        _clientDone = end is PumpEnd.Closed or PumpEnd.Ended or PumpEnd.Lost;
        return end switch
        {
            PumpEnd.Closed => (CloseCode.Normal, ByClient),
            PumpEnd.TooLarge => (CloseCode.TooLarge, "the message is too long"),
            PumpEnd.Refused => (CloseCode.None, "the engine broke off"),
            _ => (CloseCode.None, "the client broke off"),
        };
    }

    /// <summary>What the gate itself says to a frame while the engine isn't there: whether it could say anything still, and an end where that is one.</summary>
    private async ValueTask<(bool Answered, (CloseCode, string)? End)> AnswerAsync(SocketMessage message)
    {
        switch (message.Kind)
        {
            case MessageKind.Ping:
                return (await _toClient.WriteAsync(Opcode.Pong, message.Payload, _cut.Token), null);
            case MessageKind.Pong:
                return (true, null);
            case MessageKind.Close:
                _clientDone = true;
                await _toClient.WriteAsync(Opcode.Close, message.Payload, _cut.Token);
                return (true, (Said(message), ByClient));
            case MessageKind.Fault:
                return (true, Faulted(message));
            default:
                return (true, BrokeOff());
        }
    }

    private (CloseCode, string) BrokeOff()
    {
        _clientDone = true;
        return (CloseCode.None, "the client broke off");
    }

    private (CloseCode, string) Faulted(SocketMessage message)
    {
        End(message.Code, message.Fault!);
        return (message.Code, message.Fault!);
    }

    // A close frame without a code is as good as a normal one.
    private static CloseCode Said(SocketMessage close) => close.Code == CloseCode.None ? CloseCode.Normal : close.Code;
}
