using Postern.Model;

namespace Postern.Identity;

/// <summary>The words by which configuration names kinds of credentials.</summary>
internal static class CredentialWords
{
    private static readonly Dictionary<string, CredentialKind> Kinds = new(StringComparer.Ordinal)
    {
        ["keys"] = CredentialKind.ApiKey,
        ["certificates"] = CredentialKind.Certificate,
        ["federated"] = CredentialKind.Federated,
        ["postern"] = CredentialKind.Postern,
        ["break-glass"] = CredentialKind.BreakGlass,
    };

    public static IEnumerable<string> All => Kinds.Keys;

    /// <summary>Whether a caller came with one of the named kinds, or by one of the named issuers.</summary>
    public static bool Name(IReadOnlyList<string> words, Caller caller) => words.Any(word => Kinds.TryGetValue(word, out var kind)
        ? caller.Credential == kind
        : caller.Credential is CredentialKind.Issuer or CredentialKind.Introspected && caller.Issuer == word);
}
