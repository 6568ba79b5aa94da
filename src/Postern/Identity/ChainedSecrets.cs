using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;
using Postern.Model;

namespace Postern.Identity;

/// <summary>
/// Secrets that replace each other over the life of something: <c>‹prefix›‹id›_‹secret›‹seal›</c>. The seal tells one that was replaced long ago from one that somebody made up. Each
/// secret's successor follows from it and the gates' key alone: who asks twice with the same one, or two who ask at once, get the same successor.
/// </summary>
/// <param name="hash">Keyed with what all gates of a cluster share.</param>
/// <param name="prefix">What the text begins with; it may be empty.</param>
/// <param name="idPrefix">What the id begins with, and the text leaves out.</param>
/// <param name="purpose">Keeps secrets of one kind from being taken for those of another.</param>
internal sealed class ChainedSecrets(SecretHash hash, string prefix, string idPrefix, string purpose)
{
    private const int IdLength = 24;
    private const int SecretLength = 43;
    private const int LongestSeal = 64;
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    private readonly int _bodyLength = prefix.Length + IdLength + 1 + SecretLength;

    public static string NewId(string idPrefix) => idPrefix + RandomNumberGenerator.GetString(Alphabet, IdLength);

    /// <summary>The first secret, of 256 bits.</summary>
    public string First(string id) => Text(id, RandomNumberGenerator.GetBytes(32));

    /// <summary>The one after it, always the same while the gates' key is.</summary>
    public string Next(string id, string text) =>
        Text(id, SHA256.HashData([.. hash.Of(Encoding.ASCII.GetBytes($"{purpose} next\n{text}")), .. hash.Of(Encoding.ASCII.GetBytes($"{purpose} next again\n{text}"))]));

    /// <summary>What the store keeps of it.</summary>
    public string Hash(string text) => Base64UrlEncoder.Encode(hash.Of(Encoding.ASCII.GetBytes(text)));

    public bool Is(string text, string? stored) => stored is not null && hash.IsOf(Encoding.ASCII.GetBytes(text), Base64UrlEncoder.DecodeBytes(stored));

    /// <summary>The id in a text that a gate made, good or not any more; null for any other text.</summary>
    public string? IdOf(string text)
    {
        if (text.Length <= _bodyLength || text.Length > _bodyLength + LongestSeal || !text.StartsWith(prefix, StringComparison.Ordinal) || text.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')))
        {
            return null;
        }

        try
        {
            return hash.IsOf(Sealed(text[.._bodyLength]), Base64UrlEncoder.DecodeBytes(text[_bodyLength..])) ? string.Concat(idPrefix, text.AsSpan(prefix.Length, IdLength)) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private string Text(string id, byte[] secret)
    {
        var body = $"{prefix}{id[idPrefix.Length..]}_{Base64UrlEncoder.Encode(secret)}";
        return body + Base64UrlEncoder.Encode(hash.Of(Sealed(body)));
    }

    private byte[] Sealed(string body) => Encoding.ASCII.GetBytes($"{purpose} seal\n{body}");
}
