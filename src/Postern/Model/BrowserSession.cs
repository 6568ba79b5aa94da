namespace Postern.Model;

/// <summary>A person's session in one browser at one engine's own pages: what stands behind its cookie. The cookie's secrets stand in it as hashes.</summary>
internal sealed record BrowserSession
{
    /// <summary><c>ses_</c> and random letters. Never used again.</summary>
    public required string Id { get; init; }

    /// <summary>Where it was begun, and the only place where it counts: <c>https://prefect.example.com</c>.</summary>
    public required string Origin { get; init; }

    /// <summary>Name of the caller.</summary>
    public required string CallerName { get; init; }

    /// <summary>Who logged in, as kept with every login.</summary>
    public required string Caller { get; init; }

    /// <summary>Name of the issuer that vouched for him; <c>postern</c> for a local user.</summary>
    public required string Issuer { get; init; }

    /// <summary>What the issuer calls him (<c>sub</c>), by which it ends his sessions. Null: nobody ends it so.</summary>
    public string? ProviderSubject { get; init; }

    /// <summary>The issuer's own session (<c>sid</c>), if it has said one.</summary>
    public string? ProviderSession { get; init; }

    /// <summary>Hash of the newest cookie.</summary>
    public required string CurrentHash { get; init; }

    /// <summary>Hash of the cookie before it, good until a little after the newest was first seen. Null: none.</summary>
    public string? PreviousHash { get; init; }

    /// <summary>When the newest cookie was first seen; null until the browser has shown that it has it.</summary>
    public DateTimeOffset? CurrentSeenAt { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Its last use on any gate, written down now and then.</summary>
    public required DateTimeOffset LastSeenAt { get; init; }

    /// <summary>The end, however much it is used.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Counts changes, from 1.</summary>
    public long Version { get; init; } = 1;

    // A record prints every property; nobody needs hashes in a log.
    public override string ToString() => $"browser session {Id}";
}
