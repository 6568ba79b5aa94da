using Postern.Configuration;

namespace Postern.Engines.Prefect;

/// <summary>One Prefect server behind the gate.</summary>
internal sealed record PrefectEngineOptions
{
    /// <summary>Name in policy (<c>where: { prefect: main }</c>), audit, metrics and logs. Required, unique among all engines.</summary>
    [Required("main")]
    public string Name { get; init; } = "";

    /// <summary>
    /// Where the server is: scheme, host, port, and nothing behind it, since paths are forwarded as they come: <c>http://prefect:4200</c>. Required.
    /// </summary>
    [Required("http://prefect:4200")]
    public string Address { get; init; } = "";

    /// <summary>Host names that select this engine. Required for all but one where several are configured.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>
    /// Where people open its pages with a browser: <c>https://prefect.example.com</c>. They then log in through the gate and have sessions there (<c>identity.sessions</c>). Needs a section
    /// <c>tokens</c>. Default: nobody has; pages and calls need a credential in a header.
    /// </summary>
    public string? Ui { get; init; }

    /// <summary>TLS towards the server, where its address begins with <c>https</c>. Default: the system's authorities.</summary>
    public UpstreamTlsOptions? Tls { get; init; }

    /// <summary>What the gate presents to the server, in every caller's place. Required: exactly one kind.</summary>
    [Required("{ authString: ${file:/etc/postern/prefect-auth} }")]
    public PrefectCredentialOptions Credential { get; init; } = new();

    /// <summary>
    /// Largest request body: a batch of logs is up to 4 MB. Default 8MiB; 1MiB to 64MiB. A larger one is refused (413).
    /// </summary>
    [Between("1MiB", "64MiB")]
    public ByteSize RequestBytes { get; init; } = ByteSize.MiB(8);

    /// <summary>
    /// How long the server may be silent in the middle of a call. Default 90s, since clients wait for 60 s; 5s to 1h. The caller then gets 503.
    /// </summary>
    [Between("5s", "1h")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>
    /// Whether the verified caller's name is written into the labels of the flow runs that he creates (<c>postern.caller</c>), over what the client claims there. Default true.
    /// </summary>
    public bool Stamp { get; init; } = true;

    /// <summary>
    /// Whether answers that are the same for whoever may have them are kept in memory, up to 60 s and 32 MiB: versions, <c>/openapi.json</c>, <c>/docs</c>, <c>/redoc</c>, files of the pages, and for
    /// 1 s <c>/api/health</c>. Calls are judged and recorded all the same. Nothing that an answer says of anybody is kept, nor an error. Default true.
    /// </summary>
    public bool Cache { get; init; } = true;
}

/// <summary>What the gate presents upstream: exactly one member is set.</summary>
[OneWord(nameof(None))]
internal sealed record PrefectCredentialOptions
{
    /// <summary>
    /// The server's <c>PREFECT_SERVER_API_AUTH_STRING</c>, <c>user:password</c>. On a reload the new one is tried first and the old one kept until the new one works, so
    /// that the server and the gate need not change at the same moment.
    /// </summary>
    public Secret? AuthString { get; init; }

    /// <summary>A bearer token, for a server behind something that takes one. Rotated as <see cref="AuthString"/>.</summary>
    public Secret? Bearer { get; init; }

    /// <summary>No credential: the server takes calls from whoever reaches it, so nobody but the gate may.</summary>
    public bool None { get; init; }
}
