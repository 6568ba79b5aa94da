using System.Buffers.Binary;
using System.Text;
using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>What a sealed token is for: what kind of task it answers, or that it names what a callback ends.</summary>
internal enum TaskKind : byte
{
    Workflow = 1,
    Activity = 2,
    Nexus = 3,

    /// <summary>No task's own token: the one in a Nexus task that names the caller's operation.</summary>
    Callback = 4,
}

/// <summary>What the gate knew when it handed a task out: whoever answers it needs the right on this queue.</summary>
/// <param name="Kind">What was polled for.</param>
/// <param name="Namespace">The namespace that was polled.</param>
/// <param name="TaskQueue">The normal task queue.</param>
internal sealed record TaskFacts(TaskKind Kind, string Namespace, string TaskQueue);

/// <summary>
/// The seal on a task token. The engine's tokens are protobuf, unsigned, and name no queue; the seal stands behind them as one more field, which the engine would
/// skip and which is taken off before it sees the token again. Its last bytes are its own length and the tag that authenticates token and seal together.
/// </summary>
internal static class TaskSeal
{
    // A number that no token of the engine's uses (they end at some dozen), length-delimited.
    private const uint FieldTag = (16021 << 3) | Wire.Bytes;
    private const byte Version = 1;
    private const int LengthBytes = 2;

    /// <summary>More bytes than a seal has around its names and tag.</summary>
    private const int Overhead = 32;

    /// <summary>An upper bound of the bytes that a seal takes.</summary>
    public static int MaxLength(TaskFacts facts, int tagLength) => Overhead + tagLength + Encoding.UTF8.GetMaxByteCount(facts.Namespace.Length + facts.TaskQueue.Length);

    /// <summary>Writes the token and its seal but for the tag, which the caller writes over the last bytes. Returns the length with the tag; 0 where the names are too long.</summary>
    public static int Write(ReadOnlySpan<byte> token, TaskFacts facts, Span<byte> to, int tagLength)
    {
        var (ns, queue) = (Encoding.UTF8.GetByteCount(facts.Namespace), Encoding.UTF8.GetByteCount(facts.TaskQueue));
        var content = 2 + Wire.VarintLength((uint)ns) + ns + Wire.VarintLength((uint)queue) + queue + LengthBytes + tagLength;
        var seal = Wire.VarintLength(FieldTag) + Wire.VarintLength((uint)content) + content;
        if (seal > ushort.MaxValue)
        {
            return 0;
        }

        token.CopyTo(to);
        var at = token.Length;
        at += Wire.WriteVarint(to[at..], FieldTag);
        at += Wire.WriteVarint(to[at..], (uint)content);
        to[at++] = Version;
        to[at++] = (byte)facts.Kind;
        at += Wire.WriteVarint(to[at..], (uint)ns);
        at += Encoding.UTF8.GetBytes(facts.Namespace, to[at..]);
        at += Wire.WriteVarint(to[at..], (uint)queue);
        at += Encoding.UTF8.GetBytes(facts.TaskQueue, to[at..]);
        BinaryPrimitives.WriteUInt16BigEndian(to[at..], (ushort)seal);
        return at + LengthBytes + tagLength;
    }

    /// <summary>
    /// Reads a seal without trusting it: the tag must be checked, over everything before it, by whoever holds the key. Null where there is none.
    /// </summary>
    /// <param name="sealedToken">The token as it came.</param>
    /// <param name="tagLength">Bytes of a tag.</param>
    /// <param name="tokenLength">How much of it is the engine's.</param>
    public static TaskFacts? Read(ReadOnlySpan<byte> sealedToken, int tagLength, out int tokenLength)
    {
        tokenLength = sealedToken.Length;
        var end = sealedToken.Length - tagLength - LengthBytes;
        if (end <= 0)
        {
            return null;
        }

        var start = sealedToken.Length - BinaryPrimitives.ReadUInt16BigEndian(sealedToken[end..]);
        if (start < 0 || start >= end)
        {
            return null;
        }

        var at = start;
        if (!Wire.TryReadVarint(sealedToken, ref at, out var tag) || tag != FieldTag || !Wire.TryReadVarint(sealedToken, ref at, out var content)
            || content != (ulong)(sealedToken.Length - at) || at + 2 > end || sealedToken[at] != Version)
        {
            return null;
        }

        var kind = (TaskKind)sealedToken[at + 1];
        at += 2;
        if (!TryReadName(sealedToken[..end], ref at, out var ns) || !TryReadName(sealedToken[..end], ref at, out var queue) || at != end)
        {
            return null;
        }

        tokenLength = start;
        return new TaskFacts(kind, ns, queue);
    }

    private static bool TryReadName(ReadOnlySpan<byte> from, ref int at, out string name)
    {
        name = "";
        if (!Wire.TryReadVarint(from, ref at, out var length) || length > (ulong)(from.Length - at))
        {
            return false;
        }

        name = NameCache.Shared.Get(from.Slice(at, (int)length));
        at += (int)length;
        return true;
    }
}
