namespace Postern.Identity.Jwt;

/// <summary>Whose tokens are trusted, and as far as that goes for every issuer: of people, or of workloads.</summary>
internal interface IIssuerOptions
{
    string Name { get; }

    /// <summary>The <c>iss</c> claim. Empty: its tokens name none.</summary>
    string Issuer { get; }

    /// <summary>SPIFFE trust domain whose tokens without an <c>iss</c> are this issuer's; null: none.</summary>
    string? TrustDomain => null;

    /// <summary>File with its keys; null: discovery.</summary>
    string? KeySet { get; }

    IReadOnlyList<string> Audiences { get; }

    /// <summary>Accepted <c>typ</c> headers; empty: the usual ones, and none.</summary>
    IReadOnlyList<string> TokenTypes { get; }

    /// <summary>How long fetched keys serve while the issuer is out of reach.</summary>
    TimeSpan StaleKeys { get; }

    TimeSpan ClockSkew { get; }
}
