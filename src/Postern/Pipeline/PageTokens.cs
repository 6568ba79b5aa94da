using System.Text;
using Postern.Engines.Temporal.Lens;
using Postern.Tokens;

namespace Postern.Pipeline;

/// <summary>A place in the engine's list.</summary>
/// <param name="Token">What opens the engine's page; empty for the first.</param>
/// <param name="Skip">Items of that page that were looked at already.</param>
internal readonly record struct ListPosition(ReadOnlyMemory<byte> Token, int Skip);

/// <summary>
/// Tokens of the gate's own for pages of lists that it has gone through for a caller. Each belongs to one caller, one version of the policy, one engine and method. They are
/// encrypted besides: the engine's own token may be the name of something that the caller may not see, and how many items were skipped is nobody's business either.
/// </summary>
internal sealed class PageTokens(Sealer sealer)
{
    // So that a token's length tells nothing of the name in it.
    private const int Block = 128;

    private const int Longest = 16 * 1024;

    public byte[] Write(Call call, ListPosition position) => Write(Bound(call), position);

    /// <summary>Reads a token; null where it isn't one of ours, or is another caller's, another policy's, another list's.</summary>
    public ListPosition? Read(Call call, ReadOnlySpan<byte> token) => Read(Bound(call), token);

    internal byte[] Write(ReadOnlySpan<byte> bound, ListPosition position)
    {
        var token = position.Token.Span;
        Span<byte> head = stackalloc byte[10];
        var length = Wire.WriteVarint(head, (uint)position.Skip);
        length += Wire.WriteVarint(head[length..], (uint)token.Length);
        var plain = new byte[(length + token.Length + Block - 1) / Block * Block];
        head[..length].CopyTo(plain);
        token.CopyTo(plain.AsSpan(length));
        return sealer.Close(plain, bound);
    }

    internal ListPosition? Read(ReadOnlySpan<byte> bound, ReadOnlySpan<byte> token)
    {
        if (token.Length > Longest || !sealer.TryOpen(token, bound, out var plain))
        {
            return null;
        }

        var position = 0;
        return Wire.TryReadVarint(plain, ref position, out var skip) && skip <= int.MaxValue && Wire.TryReadExtent(plain, ref position, out var start, out var length)
            ? new ListPosition(plain.AsMemory(start, length), (int)skip)
            : null;
    }

    // Lengths stand before names, so that no two callers' bounds can be one.
    private static byte[] Bound(Call call)
    {
        var text = new StringBuilder();
        foreach (var part in (ReadOnlySpan<string>)[call.Engine.Name, call.Method.Path, call.Token.Caller.Name, call.State.Policy.Version])
        {
            text.Append(part.Length).Append(':').Append(part);
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
