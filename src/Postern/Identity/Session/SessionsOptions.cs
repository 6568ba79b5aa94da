using Postern.Configuration;

namespace Postern.Identity.Session;

/// <summary>Sessions of people who have logged in at an engine's own pages with a browser.</summary>
internal sealed record SessionsOptions
{
    /// <summary>How long a session may go unused. Default 8h; 5m to 7d. Across several gates it may end up to a sixteenth earlier.</summary>
    [Between("5m", "7d")]
    public TimeSpan Idle { get; init; } = TimeSpan.FromHours(8);

    /// <summary>How long a session lasts, however much it is used. Default 24h; 5m to 30d. Not shorter than idle.</summary>
    [Between("5m", "30d")]
    public TimeSpan Absolute { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long one cookie is in use before the next takes its place. Default 30m; 10m to 24h.</summary>
    [Between("10m", "24h")]
    public TimeSpan Rotate { get; init; } = TimeSpan.FromMinutes(30);
}

/// <summary>Checks what a session may last.</summary>
internal static class SessionsValidator
{
    public static void Validate(SessionsOptions options, string path, Problems problems)
    {
        if (options.Idle > options.Absolute)
        {
            problems.Error($"{path}.idle", $"is longer than {path}.absolute, which ends every session; write a shorter one");
        }
    }
}
