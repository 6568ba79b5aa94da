using System.Numerics;
using System.Security.Cryptography;

namespace Postern.Identity.ApiKeys;

/// <summary>
/// The text of a key: <c>pst_‹id›_‹secret›‹checksum›</c>. The prefix and the checksum make it recognisable for scanners of secrets without asking anybody; the id
/// finds it; the secret has 256 bits.
/// </summary>
internal static class ApiKeyText
{
    public const string Prefix = "pst_";
    public const int IdLength = 16;
    public const int SecretLength = 43;
    public const int ChecksumLength = 6;

    private const int Length = 4 + IdLength + 1 + SecretLength + ChecksumLength;
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private static readonly System.Buffers.SearchValues<char> Characters = System.Buffers.SearchValues.Create(Alphabet);

    /// <summary>A new key: its id and its whole text, which is shown once.</summary>
    public static (string Id, string Text) Create() => Create(Prefix);

    /// <summary>The same for another kind of secret, told apart by its prefix, which is as long.</summary>
    public static (string Id, string Text) Create(string prefix)
    {
        var id = RandomNumberGenerator.GetString(Alphabet, IdLength);
        return (id, WithChecksum($"{prefix}{id}_{RandomNumberGenerator.GetString(Alphabet, SecretLength)}"));
    }

    /// <summary>What a text is with its checksum, which is no secret.</summary>
    public static string WithChecksum(string body)
    {
        Span<char> checksum = stackalloc char[ChecksumLength];
        WriteChecksum(body, checksum);
        return string.Concat(body, checksum);
    }

    /// <summary>The id in a key's text; null where it is no whole key: cut, mistyped, or of something else.</summary>
    public static string? IdOf(string text) => IdOf(text, Prefix);

    /// <inheritdoc cref="IdOf(string)"/>
    public static string? IdOf(string text, string prefix)
    {
        if (text.Length != Length || !text.StartsWith(prefix, StringComparison.Ordinal) || text[prefix.Length + IdLength] != '_')
        {
            return null;
        }

        var id = text.AsSpan(prefix.Length, IdLength);
        return !id.ContainsAnyExcept(Characters) && !text.AsSpan(prefix.Length + IdLength + 1).ContainsAnyExcept(Characters)
            && HasItsChecksum(text)
            ? id.ToString()
            : null;
    }

    private static bool HasItsChecksum(ReadOnlySpan<char> text)
    {
        Span<char> checksum = stackalloc char[ChecksumLength];
        WriteChecksum(text[..^ChecksumLength], checksum);
        return text[^ChecksumLength..].SequenceEqual(checksum);
    }

    // CRC-32C: against mistakes only; what proves the key is its keyed hash.
    private static void WriteChecksum(ReadOnlySpan<char> body, Span<char> to)
    {
        var number = uint.MaxValue;
        foreach (var c in body)
        {
            number = BitOperations.Crc32C(number, (byte)c);
        }

        number = ~number;
        foreach (ref var c in to)
        {
            (number, var rest) = Math.DivRem(number, (uint)Alphabet.Length);
            c = Alphabet[(int)rest];
        }
    }
}
