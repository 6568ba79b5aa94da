using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Engines.Prefect;
using Postern.Identity;
using Postern.Limits;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// One call to a Prefect server on its way through the stages. Each stage sets its fact once; reading one too early throws, so that a stage can't run before those it
/// leans on.
/// </summary>
internal sealed class PrefectCall(HttpContext context, GateState state, PrefectEngine engine, IPAddress? source, DateTimeOffset time, long started) : IDisposable
{
    private string? _id;
    private PrefectPath? _path;
    private PrefectMatch? _match;
    private VerifiedToken? _token;
    private CallerState? _callerState;
    private Operation? _operation;

    public HttpContext Context => context;

    /// <summary>The state that this call sees from start to end, whatever is reloaded meanwhile.</summary>
    public GateState State => state;

    public PrefectEngine Engine => engine;

    /// <summary>The client's address: the connection's, or what a trusted proxy says.</summary>
    public IPAddress? Source => source;

    public DateTimeOffset Time => time;

    public long Started => started;

    public CallId CallId { get; } = CallId.New(time);

    public string Id => _id ??= CallId.ToString();

    /// <summary>The one canonical form of the request's target: what is judged and what is sent.</summary>
    public PrefectPath Path { get => _path ?? throw TooEarly("Route"); set => _path = value; }

    public PrefectMatch Match { get => _match ?? throw TooEarly("Route"); set => _match = value; }

    public PrefectRoute Route => Match.Route;

    public VerifiedToken Token { get => _token ?? throw TooEarly("Authenticate"); set => _token = value; }

    public CallerState CallerState { get => _callerState ?? throw TooEarly("Authenticate"); set => _callerState = value; }

    public Operation Operation { get => _operation ?? throw TooEarly("Read"); set => _operation = value; }

    public bool IsRouted => _match is not null;

    public bool IsAuthenticated => _token is not null;

    public bool IsRead => _operation is not null;

    /// <summary>Set by Route: where this call is counted.</summary>
    public MethodMeter? Meter { get; set; }

    /// <summary>Set by Read, where the body is judged: its bytes as they will be sent. A later stage may put others in their place.</summary>
    public ReadOnlyMemory<byte>? Body { get; set; }

    /// <summary>Set by Read, where the body is judged and there is one.</summary>
    public JsonDocument? Json { get; set; }

    public Decision Decision { get; set; }

    public bool IsDecided { get; set; }

    /// <summary>What the record says of a call that was let through otherwise than as it came.</summary>
    public string? Note { get; set; }

    /// <summary>What the record says of what the call is about.</summary>
    public PrefectFacts Facts { get; } = new();

    public AuditClass AuditClass { get; set; }

    /// <summary>Set by Audit: this write's intent is on disk, so that its outcome must follow it there.</summary>
    public bool IntentKept { get; set; }

    /// <summary>Set by Limit: this call counts among its caller's open ones.</summary>
    public bool Counted { get; set; }

    /// <summary>Set by Limit, where rates are limited: given back at the end.</summary>
    public RatePass Pass { get; set; }

    /// <summary>The client went away before its answer.</summary>
    public bool IsGone { get; set; }

    /// <summary>Set by Forward: the server doesn't take what the gate presents.</summary>
    public bool IsGateRefused { get; set; }

    /// <summary>Set by Forward: the server's answer can't be read.</summary>
    public bool IsAnswerBroken { get; set; }

    public Refusal? Refusal { get; set; }

    public long RequestBytes { get; set; }

    public long ResponseBytes { get; set; }

    public void Dispose() => Json?.Dispose();

    private static InvalidOperationException TooEarly(string stage) => new($"A fact of the {stage} stage was read before that stage ran.");
}
