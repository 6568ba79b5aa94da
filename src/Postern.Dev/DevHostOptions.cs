namespace Postern.Dev;

/// <summary>The parts of postern-dev. All run in one process unless the command line names some of them.</summary>
[Flags]
internal enum DevParts
{
    None = 0,
    Gate = 1,
    Identity = 2,
    Engine = 4,
    All = Gate | Identity | Engine,
}

/// <summary>Ports on 127.0.0.1.</summary>
/// <param name="Gate">Where SDKs call.</param>
/// <param name="Admin">Health, readiness, metrics.</param>
/// <param name="Keys">The gate's public keys, which the engine fetches.</param>
/// <param name="Identity">The identity provider.</param>
/// <param name="Engine">The engine.</param>
/// <param name="OAuth">The gate again, for HTTP/1.1: its token endpoint, and Prefect's API.</param>
/// <param name="Prefect">The Prefect server.</param>
internal sealed record DevPorts(int Gate, int Admin, int Keys, int Identity, int Engine, int OAuth, int Prefect);

/// <summary>How postern-dev runs.</summary>
internal sealed record DevHostOptions
{
    /// <summary>Folder of every file: configuration, policy, users, keys, audit. Must exist.</summary>
    public required string Folder { get; init; }

    /// <summary>Where each part listens, or is expected to listen where another process runs it.</summary>
    public required DevPorts Ports { get; init; }

    /// <summary>What this process runs. Default: all.</summary>
    public DevParts Parts { get; init; } = DevParts.All;

    /// <summary>What stands behind the gate. Default: the embedded engine.</summary>
    public DevEngineChoice Engine { get; init; } = DevEngineChoice.Embedded;

    /// <summary>Whether the Prefect server is <c>prefect server start</c>, from PATH, instead of the embedded one. Default: the embedded one.</summary>
    public bool RealPrefect { get; init; }

    /// <summary>Life of the identity provider's tokens. Default 1 h.</summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Age at which the embedded engine tells a connection to go away. Null (default): never.</summary>
    public TimeSpan? EngineConnectionAge { get; init; }

    /// <summary>How long the calls of such a connection may go on. Default 70 s, as Temporal's server.</summary>
    public TimeSpan EngineConnectionGrace { get; init; } = TimeSpan.FromSeconds(70);
}

/// <summary>What stands behind the gate: <c>embedded</c>, <c>temporal-cli</c>, or the address of a frontend that runs already.</summary>
internal sealed record DevEngineChoice
{
    private DevEngineChoice(string word, string? address)
    {
        Word = word;
        Address = address;
    }

    /// <summary>The server in this process; it checks the gate's tokens as the stock authorizer does.</summary>
    public static DevEngineChoice Embedded { get; } = new("embedded", null);

    /// <summary><c>temporal server start-dev</c>, started and ended by us. It checks no tokens.</summary>
    public static DevEngineChoice TemporalCli { get; } = new("temporal-cli", null);

    /// <summary>As written on the command line.</summary>
    public string Word { get; }

    /// <summary>Host and port of a frontend that runs already; null for the other two.</summary>
    public string? Address { get; }

    /// <summary>Null where the word is none of the three.</summary>
    public static DevEngineChoice? Parse(string word) => word switch
    {
        "embedded" => Embedded,
        "temporal-cli" => TemporalCli,
        _ when word.LastIndexOf(':') is > 0 and var colon && ushort.TryParse(word[(colon + 1)..], out var port) && port > 0 => new DevEngineChoice(word, word),
        _ => null,
    };
}
