using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Engines.Temporal;
using Postern.Forwarding;
using Postern.Identity;
using Postern.Limits;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Pipeline;

/// <summary>
/// One call on its way through the stages. Each stage sets its fact once; reading one too early throws, so that a stage can't run before those it leans on.
/// Kept with its HTTP/2 stream and used again for the stream's next call. It is its own entry on the deadline wheel.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "Kestrel keeps calls with its streams and tells nobody when it drops one; a source without a timer holds nothing to release.")]
internal sealed class Call : Deadline
{
    // Guards the hand-over between calls on one stream: a deadline that elapses while its call ends must not end the next one.
    private readonly Lock _ending = new();
    private CancellationTokenSource _cancellation = new();
    private TemporalMethod? _method;
    private TemporalEngine? _engine;
    private VerifiedToken? _token;
    private CallerState? _callerState;
    private Operation? _operation;
    private string? _id;

    // What Kestrel offers for this stream.
    public IFeatureCollection Features { get; private set; } = null!;
    public IHttpRequestFeature Request { get; private set; } = null!;
    public IHttpResponseFeature Response { get; private set; } = null!;

    /// <summary>The state that this call sees from start to end, whatever is reloaded meanwhile.</summary>
    public GateState State { get; private set; } = null!;

    public DateTimeOffset Time { get; private set; }
    public long Started { get; private set; }
    public CallId CallId { get; private set; }

    /// <summary>The written id, made when first asked for.</summary>
    public string Id => _id ??= CallId.ToString();

    public TemporalEngine Engine { get => _engine ?? throw TooEarly("Route"); set => _engine = value; }
    public TemporalMethod Method { get => _method ?? throw TooEarly("Route"); set => _method = value; }
    public VerifiedToken Token { get => _token ?? throw TooEarly("Authenticate"); set => _token = value; }
    public Operation Operation { get => _operation ?? throw TooEarly("Read"); set => _operation = value; }

    /// <summary>Set by Read: what is known of the task that the call answers; null where it answers none, or none that was sealed.</summary>
    public TaskFacts? Task { get; set; }

    public bool IsRouted => _method is not null;
    public bool IsAuthenticated => _token is not null;
    public bool IsRead => _operation is not null;

    /// <summary>Set by Read: the message as it will be forwarded, framed. Owned by the call until Forward takes it.</summary>
    public OutgoingMessage Message;

    public Decision Decision { get; set; }

    /// <summary>What the record says of a call that was let through otherwise than as it came: the workflow types that its query was narrowed to. Null for most.</summary>
    public string? Note { get; set; }
    public bool IsDecided { get; set; }
    public Refusal? Refusal { get; set; }
    public AuditClass AuditClass { get; set; }

    /// <summary>Set by Attach: the engine's request.</summary>
    public HttpRequestMessage? Outgoing { get; set; }

    /// <summary>Set by Authenticate: what is kept for this caller.</summary>
    public CallerState CallerState { get => _callerState ?? throw TooEarly("Authenticate"); set => _callerState = value; }

    /// <summary>Set by Limit: this call counts among its caller's open ones.</summary>
    public bool Counted { get; set; }

    /// <summary>Set by Limit, where rates are limited: given back at the end.</summary>
    public RatePass Pass { get; set; }

    /// <summary>Set by Audit: this write's intent is on disk, so that its outcome must follow it there.</summary>
    public bool IntentKept { get; set; }

    /// <summary>The client went away before its answer.</summary>
    public bool IsGone { get; set; }

    /// <summary>Set by Route: where this call is counted.</summary>
    public MethodMeter? Meter { get; set; }
    public GrpcAnswer Answer;
    public string? RunId { get; set; }
    public long RequestBytes { get; set; }

    /// <summary>True once something of the engine's answer may have reached the client: a refusal can then only be written into the trailers.</summary>
    public bool AnswerBegun { get; set; }

    /// <summary>Why the wheel or the drain ended this call; null while nothing did.</summary>
    public RefusalReason? EndedBy { get; private set; }

    /// <summary>What this call ends with, where it was ended because its caller may no longer make it.</summary>
    public Refusal? Ending { get; private set; }

    public CancellationToken Cancellation => _cancellation.Token;

    public IHeaderDictionary RequestHeaders => Request.Headers;

    public PipeReader Body => Features.GetRequiredFeature<IRequestBodyPipeFeature>().Reader;

    public IHttpResponseBodyFeature ResponseBody => Features.GetRequiredFeature<IHttpResponseBodyFeature>();

    public IHeaderDictionary Trailers => Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers;

    public IHttpRequestLifetimeFeature Lifetime => Features.GetRequiredFeature<IHttpRequestLifetimeFeature>();

    /// <summary>The client's address: the connection's, or what a trusted proxy says.</summary>
    public IPAddress? Source { get; private set; }

    public void Begin(IFeatureCollection features, GateState state, DateTimeOffset time, long started)
    {
        Features = features;
        Request = features.GetRequiredFeature<IHttpRequestFeature>();
        Response = features.GetRequiredFeature<IHttpResponseFeature>();
        // CONNECT has none.
        Request.Path ??= "";
        State = state;
        Time = time;
        Started = started;
        CallId = CallId.New(time);
        Source = ClientAddress.Of(features.Get<IHttpConnectionFeature>()?.RemoteIpAddress, Request.Headers, state.TrustedProxies);
        lock (_ending)
        {
            Generation++;
            _open = true;
        }
    }

    /// <summary>Whether a call is open on this stream.</summary>
    private bool _open;

    /// <summary>Forgets everything of the last call, so that nothing of one caller can reach the next on the same stream.</summary>
    public void End()
    {
        lock (_ending)
        {
            _open = false;
            EndedBy = null;
            Ending = null;
            if (!_cancellation.TryReset())
            {
                _cancellation.Dispose();
                _cancellation = new CancellationTokenSource();
            }
        }

        Message.Release();
        Message = default;
        _method = null;
        _engine = null;
        _token = null;
        _operation = null;
        Task = null;
        _id = null;
        Refusal = null;
        Decision = default;
        Note = null;
        IsDecided = false;
        AuditClass = default;
        _callerState = null;
        Source = null;
        Outgoing = null;
        Counted = false;
        IntentKept = false;
        IsGone = false;
        Meter = null;
        Answer = default;
        RunId = null;
        RequestBytes = 0;
        AnswerBegun = false;
        Features = null!;
        Request = null!;
        Response = null!;
        State = null!;
    }

    public void ClientGone() => _cancellation.Cancel();

    /// <summary>Ends the call from outside: its deadline passed, or the gate is shutting down.</summary>
    protected internal override void Elapsed(int generation, bool early)
    {
        lock (_ending)
        {
            // What the engine has begun to answer comes to its end past the grace too: cut short, a task in it would be nobody's.
            if (_open && generation == Generation && !(early && AnswerBegun))
            {
                EndedBy ??= early ? RefusalReason.Draining : RefusalReason.UpstreamTimeout;
                _cancellation.Cancel();
            }
        }
    }

    /// <summary>Ends the call if it waits for the engine and its caller, as things stand now, would not get so far again.</summary>
    protected internal override void Recheck(object with)
    {
        lock (_ending)
        {
            if (_open && EndedBy is null && IsDecided && _token is not null && ((OpenCallCheck)with).Judge(this) is { } refusal)
            {
                Ending = refusal;
                EndedBy = refusal.Reason;
                _cancellation.Cancel();
            }
        }
    }

    private static InvalidOperationException TooEarly(string stage) => new($"A fact of the {stage} stage was read before that stage ran.");
}
