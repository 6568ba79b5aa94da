using Postern.Identity;
using Postern.Model;

namespace Postern.OAuth;

/// <summary>The text of refresh tokens: <c>prt_‹session›_‹secret›‹seal›</c>.</summary>
internal sealed class RefreshTokens(SecretHash hash)
{
    public const string Prefix = "prt_";
    public const string FamilyPrefix = "fam_";

    private readonly ChainedSecrets _texts = new(hash, Prefix, FamilyPrefix, "refresh");

    public static string NewFamily() => ChainedSecrets.NewId(FamilyPrefix);

    /// <summary>The first token of a session.</summary>
    public string First(string family) => _texts.First(family);

    /// <inheritdoc cref="ChainedSecrets.Next"/>
    public string Next(string family, string token) => _texts.Next(family, token);

    /// <inheritdoc cref="ChainedSecrets.Hash"/>
    public string Hash(string token) => _texts.Hash(token);

    public bool Is(string token, string? stored) => _texts.Is(token, stored);

    /// <summary>The session of a token that a gate made, good or not any more; null for any other text.</summary>
    public string? FamilyOf(string token) => _texts.IdOf(token);
}
