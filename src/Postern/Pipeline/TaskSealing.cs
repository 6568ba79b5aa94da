using Postern.Engines.Temporal;
using Postern.Tokens;

namespace Postern.Pipeline;

/// <summary>
/// Seals the tasks of one engine as they are handed out, and opens the seals as they come back. It keeps nothing: any gate with the same keys opens what another sealed.
/// The engine's name is sealed in, so that a token of one cluster is none for another.
/// </summary>
internal sealed class TaskSealing
{
    private readonly Sealer _sealer;

    public TaskSealing(SealKeys keys, string engine)
    {
        _sealer = keys.For("task " + engine);
        Opener = Open;
    }

    /// <summary><see cref="Open"/>, made once.</summary>
    public TaskOpener Opener { get; }

    /// <summary>What a token's seal says; null where it has none that holds.</summary>
    /// <param name="token">The token as it came.</param>
    /// <param name="tokenLength">How much of it is the engine's.</param>
    public TaskFacts? Open(ReadOnlySpan<byte> token, out int tokenLength)
    {
        var facts = TaskSeal.Read(token, Sealer.TagLength, out tokenLength);
        if (facts is null || _sealer.IsValid(token[..^Sealer.TagLength], token[^Sealer.TagLength..]))
        {
            return facts;
        }

        tokenLength = token.Length;
        return null;
    }

    /// <summary>The token with its seal; null where the names in it are too long for one.</summary>
    public byte[]? Seal(ReadOnlySpan<byte> token, TaskFacts facts)
    {
        var buffer = new byte[token.Length + TaskSeal.MaxLength(facts, Sealer.TagLength)];
        var length = TaskSeal.Write(token, facts, buffer, Sealer.TagLength);
        if (length == 0)
        {
            return null;
        }

        _sealer.Write(buffer.AsSpan(0, length - Sealer.TagLength), buffer.AsSpan(length - Sealer.TagLength));
        return buffer[..length];
    }
}
