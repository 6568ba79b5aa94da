namespace Postern.Tokens;

/// <summary>When a signing key does what: published, then signing, then only published, then gone.</summary>
internal sealed record SigningKeyTimes
{
    /// <summary>
    /// For caller assertions: readers fetch an unknown key at once, and what activities of a long workflow or a schedule's runs verify may be more than a year old.
    /// </summary>
    public static SigningKeyTimes OfAssertions { get; } = new() { PublishAhead = TimeSpan.FromMinutes(10), RotateAfter = TimeSpan.FromDays(90), KeepAfter = TimeSpan.FromDays(400) };

    /// <summary>
    /// How long a key is published before it signs. A stock server never fetches for a key id that it doesn't know, so this must be twice its
    /// <c>refreshInterval</c> or more. Default 1h.
    /// </summary>
    public TimeSpan PublishAhead { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How old a key is when the next one takes over. Default 30 days.</summary>
    public TimeSpan RotateAfter { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How long a key stays published after the next one began to sign: above the longest life of a minted token (1h) and the server's refresh. Default 4h.</summary>
    public TimeSpan KeepAfter { get; init; } = TimeSpan.FromHours(4);
}
