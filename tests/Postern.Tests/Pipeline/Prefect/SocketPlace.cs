using System.Net;
using System.Threading.Channels;
using Postern.Engines.Prefect.Sockets;
using Postern.Forwarding.WebSockets;
using Postern.Pipeline.Prefect;

namespace Postern.Tests.Pipeline.Prefect;

/// <summary>A session between a client and an engine that a test plays.</summary>
internal sealed class SocketPlace : IAsyncDisposable
{
    public const string Success = "Text {\"type\":\"auth_success\"}";

    private readonly Channel<SocketPeer> _engines = Channel.CreateUnbounded<SocketPeer>();
    private SocketSession? _session;
    private Task<SocketEnd>? _running;

    public PrefectSocket Socket { get; init; } = PrefectSocket.EventsIn;

    public bool IsAgreed { get; init; } = true;

    /// <summary>The tokens with which it was asked whose socket it is.</summary>
    public List<string?> Asked { get; } = [];

    public Func<string?, SocketStep> Admits { get; init; } = _ => SocketStep.Go;

    public Func<string, SocketStep>? Judges { get; init; }

    public Func<string, bool?>? MaySee { get; init; }

    public IReadOnlyList<SocketCredential> Credentials { get; init; } = [new("gate:secret", null)];

    public TimeSpan FirstMessage { get; init; } = TimeSpan.FromMinutes(1);

    public bool TookProtocol { get; init; } = true;

    /// <summary>What the engine says to an attempt; null: it opens a socket.</summary>
    public Func<EngineSocket?> Answers { get; set; } = () => null;

    public int Attempts { get; private set; }

    public SocketPeer Client { get; private set; } = null!;

    public SocketSession Session => _session!;

    public static async Task<SocketPlace> StartAsync(SocketPlace place)
    {
        var (near, far) = await SocketPeer.PairAsync();
        place.Client = new SocketPeer(near, isClient: true);
        place._session = new SocketSession(place.Plan(), far, TimeProvider.System);
        place._running = RunAsync(place._session, far);
        return place;
    }

    /// <summary>The engine's side of the next socket that the gate opens.</summary>
    public async Task<SocketPeer> EngineAsync() => await _engines.Reader.ReadAsync(TestContext.Current.CancellationToken);

    /// <summary>Client and engine past their first messages.</summary>
    public async Task<SocketPeer> OpenAsync()
    {
        await Client.SayAsync("{\"type\":\"auth\",\"token\":\"u:k\"}");
        var engine = await EngineAsync();
        await engine.HearAsync();
        await engine.SayAsync("{\"type\":\"auth_success\"}");
        Assert.Equal(Success, await Client.HearAsync());
        return engine;
    }

    public Task<SocketEnd> EndAsync() => _running!;

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _running!;
        _session!.Dispose();
    }

    private static async Task<SocketEnd> RunAsync(SocketSession session, Stream client)
    {
        var end = await session.RunAsync();
        await client.DisposeAsync();
        return end;
    }

    private SocketPlan Plan() => new()
    {
        Socket = Socket,
        IsAgreed = IsAgreed,
        Admit = (token, _) =>
        {
            Asked.Add(token);
            return new(Admits(token));
        },
        Judge = Judges is null ? null : (message, _) => new(Judges(System.Text.Encoding.UTF8.GetString(message.Span))),
        MaySee = () => MaySee is null ? null : (message, _) => new(MaySee(System.Text.Encoding.UTF8.GetString(message.Span))),
        Credentials = () => Credentials,
        FirstMessage = FirstMessage,
        Open = async (_, cancellation) =>
        {
            Attempts++;
            if (Answers() is { } answer)
            {
                return answer;
            }

            var (near, far) = await SocketPeer.PairAsync();
            await _engines.Writer.WriteAsync(new SocketPeer(far, isClient: false), cancellation);
            return new EngineSocket(near, HttpStatusCode.SwitchingProtocols, null) { TookProtocol = TookProtocol };
        },
    };
}
