namespace Postern.Client;

/// <summary>Where assertions come from, and how they are judged.</summary>
public sealed record CallerAssertionOptions
{
    /// <summary>The gate's key set for assertions: <c>http://postern:7238/caller</c>. Required.</summary>
    public required Uri KeySet { get; init; }

    /// <summary>The <c>iss</c> to expect, <c>postern/</c> and the engine's name: <c>postern/main</c>. Default: any, which is right where the gate serves one engine.</summary>
    public string? Issuer { get; init; }

    /// <summary>By how much the clocks of gate and engine may differ. Default one minute; not negative.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How often the key set is fetched at most, when assertions name keys that it lacks or when it can't be had. Default 10 seconds; above zero.</summary>
    public TimeSpan FetchAtMostEvery { get; init; } = TimeSpan.FromSeconds(10);
}
