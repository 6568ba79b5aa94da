using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;
using Postern.Model;

namespace Postern.OAuth;

/// <summary>
/// The text of refresh tokens: <c>prt_‹session›_‹secret›‹seal›</c>. The seal tells a token that was replaced long ago from one that somebody made up. Each token's successor
/// follows from it and the gates' key alone: who asks twice with the same token, or two who ask at once, get the same successor.
/// </summary>
internal sealed class RefreshTokens(SecretHash hash)
{
    public const string Prefix = "prt_";
    public const string FamilyPrefix = "fam_";

    private const int IdLength = 24;
    private const int SecretLength = 43;
    private const int BodyLength = 4 + IdLength + 1 + SecretLength;
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    public static string NewFamily() => FamilyPrefix + RandomNumberGenerator.GetString(Alphabet, IdLength);

    /// <summary>The first token of a session.</summary>
    public string First(string family) => Text(family, RandomNumberGenerator.GetBytes(32));

    /// <summary>The one after it, always the same while the gates' key is.</summary>
    public string Next(string family, string token) =>
        Text(family, SHA256.HashData([.. hash.Of(Encoding.ASCII.GetBytes("refresh next\n" + token)), .. hash.Of(Encoding.ASCII.GetBytes("refresh next again\n" + token))]));

    /// <summary>What the store keeps of it.</summary>
    public string Hash(string token) => Base64UrlEncoder.Encode(hash.Of(Encoding.ASCII.GetBytes(token)));

    public bool Is(string token, string? stored) => stored is not null && hash.IsOf(Encoding.ASCII.GetBytes(token), Base64UrlEncoder.DecodeBytes(stored));

    /// <summary>The session of a token that a gate made, good or not any more; null for any other text.</summary>
    public string? FamilyOf(string token)
    {
        if (token.Length is <= BodyLength or > BodyLength + 64 || !token.StartsWith(Prefix, StringComparison.Ordinal) || token.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')))
        {
            return null;
        }

        try
        {
            return hash.IsOf(Sealed(token[..BodyLength]), Base64UrlEncoder.DecodeBytes(token[BodyLength..])) ? string.Concat(FamilyPrefix, token.AsSpan(Prefix.Length, IdLength)) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private string Text(string family, byte[] secret)
    {
        var body = $"{Prefix}{family[FamilyPrefix.Length..]}_{Base64UrlEncoder.Encode(secret)}";
        return body + Base64UrlEncoder.Encode(hash.Of(Sealed(body)));
    }

    private static byte[] Sealed(string body) => Encoding.ASCII.GetBytes("refresh seal\n" + body);
}
