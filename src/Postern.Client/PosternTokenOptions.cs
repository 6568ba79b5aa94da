namespace Postern.Client;

/// <summary>Which token is wanted, and from where.</summary>
public sealed record PosternTokenOptions
{
    /// <summary>The gate's token endpoint: <c>https://postern.example.com:7233/oauth/token</c>. Required; clear text only on loopback, unless <see cref="AllowClearText"/>.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>By what right. Required.</summary>
    public required PosternGrant Grant { get; init; }

    /// <summary>For whom the token is meant (RFC 8693 <c>audience</c>): an engine's, or that of an API behind an activity. Default: the gate chooses.</summary>
    public string? Audience { get; init; }

    /// <summary>The API that the token is meant for (RFC 8707 <c>resource</c>). Default: none.</summary>
    public Uri? Resource { get; init; }

    /// <summary>What the token is narrowed to, separated by blanks. Default: everything that the grant gives.</summary>
    public string? Scope { get; init; }

    /// <summary>At which part of its life a token is replaced. Default 2/3; above 0, below 1. Up to a tenth of it is taken off by chance, so that a fleet doesn't ask in step.</summary>
    public double RefreshAt { get; init; } = 2.0 / 3;

    /// <summary>How long one request may take. Default 10 seconds; above zero.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether credentials may leave the machine in clear text. Default false.</summary>
    public bool AllowClearText { get; init; }
}
