namespace Postern.Model;

/// <summary>What is revoked. The names are written in the store.</summary>
internal enum RevocationKind : byte { Token, Family, Certificate, Caller }

/// <summary>Something that doesn't count any more, whatever it says of itself.</summary>
/// <param name="Kind">Token: the value is a <c>jti</c>. Family: a refresh family's id, with all its tokens. Certificate: issuer and serial. Caller: the caller's name.</param>
/// <param name="Value">What is revoked; unique within its kind.</param>
/// <param name="At">When. For a caller: what was issued before this moment doesn't count.</param>
/// <param name="Until">When it would have ended by itself, and this may be forgotten. Null: never.</param>
/// <param name="By">Name of the caller who revoked it.</param>
internal sealed record Revocation(RevocationKind Kind, string Value, DateTimeOffset At, DateTimeOffset? Until, string By)
{
    public string Id => IdOf(Kind, Value);

    public static string IdOf(RevocationKind kind, string value) => $"{kind}:{value}";
}
