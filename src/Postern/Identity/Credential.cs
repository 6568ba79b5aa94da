using System.Net;
using Microsoft.Extensions.Primitives;
using Postern.Identity.ApiKeys;
using Postern.Identity.BreakGlass;
using Postern.Identity.Certificates;
using Postern.Identity.Jwt;
using Postern.Model;

namespace Postern.Identity;

/// <summary>What a credential looks like; by this alone it is given to the one source that is its own.</summary>
internal enum CredentialShape : byte
{
    /// <summary>A signed token (RFC 7519) that can be read.</summary>
    Jwt,

    /// <summary>A key of the gate's own: <c>pst_…</c>.</summary>
    ApiKey,

    /// <summary>A sealed credential for emergencies: <c>pbg_…</c>.</summary>
    BreakGlass,

    /// <summary>A bearer token (RFC 6750) that only its issuer can read.</summary>
    Opaque,

    /// <summary>The client certificate of the connection.</summary>
    Certificate,
}

/// <summary>One call's credential, taken apart and not verified.</summary>
internal sealed class Credential
{
    /// <summary>Longest authorization value that is looked at, in characters.</summary>
    private const int Longest = BearerToken.Longest + 1024;

    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";

    // The gate's refresh tokens open the token endpoint alone; here they must not be sent on to somebody as a secret of his.
    private const string RefreshToken = "prt_";

    private Credential(CredentialShape shape, string token, BearerToken? jwt, IPAddress? source) => (Shape, Token, Jwt, Source) = (shape, token, jwt, source);

    public CredentialShape Shape { get; }

    /// <summary>The token itself, without its scheme. A secret.</summary>
    public string Token { get; }

    /// <summary>The token taken apart; null where it is none that can be.</summary>
    public BearerToken? Jwt { get; }

    /// <summary>The connection's certificate, where that is the credential.</summary>
    public PresentedCertificate? Certificate { get; private init; }

    /// <summary>Where the call comes from.</summary>
    public IPAddress? Source { get; }

    /// <summary>
    /// Reads the one <c>authorization</c> value of a call. A client that knows only Basic (RFC 7617) sends the token as its password, under any name.
    /// Null where it can't be read with certainty.
    /// </summary>
    public static Credential? Read(StringValues authorization, IPAddress? source)
    {
        if (authorization.Count != 1 || authorization[0] is not { Length: > 0 and <= Longest } text)
        {
            return null;
        }

        return text.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? OfToken(text[Bearer.Length..], source)
            : text.StartsWith(Basic, StringComparison.OrdinalIgnoreCase) && Password(text[Basic.Length..]) is { } password ? OfToken(password, source)
            : null;
    }

    public static Credential Of(PresentedCertificate certificate, IPAddress? source) => new(CredentialShape.Certificate, "", null, source) { Certificate = certificate };

    public override string ToString() => Shape.ToString();

    private static Credential? OfToken(string token, IPAddress? source)
    {
        if (token.StartsWith(ApiKeyText.Prefix, StringComparison.Ordinal))
        {
            return new Credential(CredentialShape.ApiKey, token, null, source);
        }

        if (token.StartsWith(BreakGlassCredential.Prefix, StringComparison.Ordinal))
        {
            return new Credential(CredentialShape.BreakGlass, token, null, source);
        }

        if (token.StartsWith(RefreshToken, StringComparison.Ordinal))
        {
            return null;
        }

        if (BearerToken.Read(Bearer + token) is { } jwt)
        {
            return new Credential(CredentialShape.Jwt, token, jwt, source);
        }

        // RFC 6750 §2.1. What has a JWT's three parts and can't be read as one is nobody's opaque token.
        return token.Length is > 0 and <= BearerToken.Longest && !token.AsSpan().ContainsAnyExcept(OpaqueCharacters) && !LooksLikeJwt(token)
            ? new Credential(CredentialShape.Opaque, token, null, source)
            : null;
    }

    private static readonly System.Buffers.SearchValues<char> OpaqueCharacters =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

    // A JSON header begins with '{"', which is "eyJ" in base64url: an unsigned, cut or encrypted token isn't sent on to somebody as a secret of his.
    private static bool LooksLikeJwt(string token) => token.StartsWith("eyJ", StringComparison.Ordinal) || token.AsSpan().Count('.') is 2 or 4;

    private static string? Password(string encoded)
    {
        Span<byte> decoded = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded, decoded, out var length))
        {
            return null;
        }

        var both = decoded[..length];
        var colon = both.IndexOf((byte)':');
        return colon < 0 || !System.Text.Ascii.IsValid(both) ? null : System.Text.Encoding.ASCII.GetString(both[(colon + 1)..]);
    }
}
