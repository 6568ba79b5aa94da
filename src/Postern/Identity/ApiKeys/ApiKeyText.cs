using System.Security.Cryptography;
using System.Text;

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
    public static (string Id, string Text) Create()
    {
        var id = RandomNumberGenerator.GetString(Alphabet, IdLength);
        var body = $"{Prefix}{id}_{RandomNumberGenerator.GetString(Alphabet, SecretLength)}";
        return (id, body + Checksum(body));
    }

    /// <summary>The id in a key's text; null where it is no whole key: cut, mistyped, or of something else.</summary>
    public static string? IdOf(string text)
    {
        if (text.Length != Length || !text.StartsWith(Prefix, StringComparison.Ordinal) || text[Prefix.Length + IdLength] != '_')
        {
            return null;
        }

        var id = text.AsSpan(Prefix.Length, IdLength);
        return !id.ContainsAnyExcept(Characters) && !text.AsSpan(Prefix.Length + IdLength + 1).ContainsAnyExcept(Characters)
            && text.AsSpan(Length - ChecksumLength).SequenceEqual(Checksum(text[..^ChecksumLength]))
            ? id.ToString()
            : null;
    }

    // Against mistakes only; what proves the key is its keyed hash.
    private static string Checksum(string body)
    {
        var number = System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.ASCII.GetBytes(body)));
        Span<char> written = stackalloc char[ChecksumLength];
        foreach (ref var c in written)
        {
            (number, var rest) = Math.DivRem(number, (ulong)Alphabet.Length);
            c = Alphabet[(int)rest];
        }

        return new string(written);
    }
}
