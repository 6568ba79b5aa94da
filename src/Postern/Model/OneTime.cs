namespace Postern.Model;

/// <summary>What is good for one use. The names are written in the store.</summary>
internal enum OneTimeKind : byte { AuthorizationCode, DeviceCode, BootstrapToken, BreakGlass, ClientAssertion, LogoutToken }

/// <summary>Something that exactly one of all gates may use, once.</summary>
internal sealed record OneTime
{
    public required OneTimeKind Kind { get; init; }

    /// <summary>By which it is found; unique within its kind. Never a secret itself: the hash of one, a <c>jti</c>, or random letters.</summary>
    public required string Id { get; init; }

    /// <summary>A second way to find it, unique within its kind: the hash of a secret, of a user code. Null: none.</summary>
    public string? Hash { get; init; }

    /// <summary>What the kind keeps with it, as JSON.</summary>
    public string Data { get; init; } = "{}";

    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? UsedAt { get; init; }

    /// <summary>Counts changes of <see cref="Data"/>, from 1.</summary>
    public long Version { get; init; } = 1;

    // A record prints every property; what the data holds is the kind's affair.
    public override string ToString() => $"{Kind} {Id}";
}

/// <summary>What came of using something that is good once.</summary>
internal abstract record TakeResult
{
    private TakeResult()
    {
    }

    /// <summary>It was this caller's, and nobody else will get it.</summary>
    internal sealed record Taken(OneTime Item) : TakeResult;

    /// <summary>It has been used before; the item says when.</summary>
    internal sealed record Used(OneTime Item) : TakeResult;

    /// <summary>Its time was over before anybody used it.</summary>
    internal sealed record Expired : TakeResult;

    /// <summary>There is none.</summary>
    internal sealed record Missing : TakeResult;
}
