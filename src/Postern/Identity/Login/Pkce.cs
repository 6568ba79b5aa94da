using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Identity.Login;

/// <summary>Proof key for code exchange (RFC 7636), by S256 only.</summary>
internal static class Pkce
{
    private const int Shortest = 43;
    private const int Longest = 128;

    public static string NewVerifier() => Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    public static string Challenge(string verifier) => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));

    /// <summary>Whether a text can be a challenge.</summary>
    public static bool IsChallenge(string? text) => text is { Length: Shortest } && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    /// <summary>Whether the verifier is the one that the challenge was made from.</summary>
    public static bool Proves(string? verifier, string challenge) =>
        verifier is { Length: >= Shortest and <= Longest } && verifier.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '~')
        && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Challenge(verifier)), Encoding.ASCII.GetBytes(challenge));
}
