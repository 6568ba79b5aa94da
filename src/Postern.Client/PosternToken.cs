namespace Postern.Client;

/// <summary>An access token and its life.</summary>
public sealed class PosternToken
{
    internal PosternToken(string value, DateTimeOffset obtainedAt, DateTimeOffset expiresAt) => (Value, ObtainedAt, ExpiresAt) = (value, obtainedAt, expiresAt);

    /// <summary>The token itself, as it stands behind <c>Bearer</c>. A secret.</summary>
    public string Value { get; }

    /// <summary>When it was asked for.</summary>
    public DateTimeOffset ObtainedAt { get; }

    /// <summary>When it ends, by this machine's clock.</summary>
    public DateTimeOffset ExpiresAt { get; }

    /// <summary>Says when it ends and nothing more.</summary>
    public override string ToString() => $"token until {ExpiresAt:O}";
}
