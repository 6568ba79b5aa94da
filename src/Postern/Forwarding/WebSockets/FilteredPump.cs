namespace Postern.Forwarding.WebSockets;

/// <summary>
/// One direction of a socket whose messages are judged one by one. Control frames go by as they come, so that each side's pings are answered by the other.
/// </summary>
/// <param name="from">Whose messages are judged.</param>
/// <param name="to">Who gets those that pass.</param>
/// <param name="passes">Whether a text passes; null where that can't be told, which ends the socket: a message left out for that would be missed by nobody.</param>
internal sealed class FilteredPump(FrameReader from, FrameWriter to, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask<bool?>> passes)
{
    /// <summary>How many messages went by.</summary>
    public long Passed { get; private set; }

    /// <summary>How many were left out.</summary>
    public long Withheld { get; private set; }

    /// <summary>How many bytes of messages went by.</summary>
    public long Bytes { get; private set; }

    /// <summary>Copies until the end.</summary>
    /// <param name="stop">Ends it between two frames.</param>
    /// <param name="cut">Ends it wherever it is.</param>
    public async Task<PumpEnd> RunAsync(CancellationToken stop, CancellationToken cut)
    {
        while (true)
        {
            SocketMessage message;
            bool? passed;
            try
            {
                message = await from.ReadAsync(stop);
                passed = message.Kind switch
                {
                    MessageKind.Text => await passes(message.Payload, stop),
                    // The engine's events are texts: what else there may be some day, nobody has judged.
                    MessageKind.Binary => false,
                    _ => true,
                };
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return PumpEnd.Stopped;
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
            {
                return PumpEnd.Lost;
            }

            if (message.Kind is MessageKind.Ended or MessageKind.Fault || passed is null)
            {
                return passed is null ? PumpEnd.CannotTell : message.Kind == MessageKind.Fault ? PumpEnd.Lost : PumpEnd.Ended;
            }

            if (passed == false)
            {
                Withheld++;
                continue;
            }

            try
            {
                await to.WriteAsync(OpcodeOf(message.Kind), message.Payload, cut);
            }
            catch (OperationCanceledException) when (cut.IsCancellationRequested)
            {
                return PumpEnd.Refused;
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
            {
                return PumpEnd.Refused;
            }

            if (message.Kind == MessageKind.Close)
            {
                return PumpEnd.Closed;
            }

            if (message.Kind == MessageKind.Text)
            {
                Passed++;
                Bytes += message.Payload.Length;
            }
        }
    }

    private static Opcode OpcodeOf(MessageKind kind) => kind switch
    {
        MessageKind.Text => Opcode.Text,
        MessageKind.Ping => Opcode.Ping,
        MessageKind.Pong => Opcode.Pong,
        MessageKind.Close => Opcode.Close,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a kind of message that goes by."),
    };
}
