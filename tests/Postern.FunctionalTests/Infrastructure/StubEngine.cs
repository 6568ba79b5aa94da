using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Stands in for an engine: clear-text HTTP/2 on a free port, notes exactly what arrived, answers what the script says.</summary>
internal sealed class StubEngine : IAsyncDisposable
{
    private readonly ConcurrentQueue<ArrivedCall> _calls = new();
    private readonly ConcurrentDictionary<string, byte> _connections = new();
    private WebApplication? _server;
    private int _open;

    private StubEngine(Func<ArrivedCall, StubAnswer> script) => Script = script;

    /// <summary>What is answered to whom; asked once per call, after its request was read to the end.</summary>
    public Func<ArrivedCall, StubAnswer> Script { get; set; }

    /// <summary>Seen as soon as a call's headers are here, before its body.</summary>
    public Action<string>? OnHeaders { get; set; }

    public IReadOnlyList<ArrivedCall> Calls => [.. _calls];

    /// <summary>Calls whose headers arrived and which have not ended.</summary>
    public int Open => Volatile.Read(ref _open);

    public int Connections => _connections.Count;

    public int Port { get; private set; }

    public string Address => $"127.0.0.1:{Port}";

    public static Task<StubEngine> StartAsync() => StartAsync(static _ => StubAnswer.Ok());

    public static async Task<StubEngine> StartAsync(Func<ArrivedCall, StubAnswer> script)
    {
        var engine = new StubEngine(script);
        await engine.ListenAsync(0);
        return engine;
    }

    public void Forget(Func<ArrivedCall, bool>? which = null)
    {
        // A queue can't lose one from its middle: what stays is put back.
        for (var left = _calls.Count; left > 0 && _calls.TryDequeue(out var call); left--)
        {
            if (which is not null && !which(call))
            {
                _calls.Enqueue(call);
            }
        }
    }

    /// <summary>Stops listening and cuts what is open, like a machine that dies. <see cref="ReturnAsync"/> brings it back on the same port.</summary>
    public async Task GoAwayAsync()
    {
        if (_server is { } server)
        {
            _server = null;
            using var now = new CancellationTokenSource();
            await now.CancelAsync();
            await server.StopAsync(now.Token);
            await server.DisposeAsync();
        }
    }

    public Task ReturnAsync() => ListenAsync(Port);

    public async ValueTask DisposeAsync() => await GoAwayAsync();

    private async Task ListenAsync(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestHeadersTotalSize = 256 * 1024;
            kestrel.Limits.Http2.MaxRequestHeaderFieldSize = 256 * 1024;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 20_000;
            kestrel.Limits.Http2.InitialConnectionWindowSize = 16 * 1024 * 1024;
            kestrel.Limits.Http2.InitialStreamWindowSize = 8 * 1024 * 1024;
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2);
        });
        var server = builder.Build();
        server.Run(AnswerAsync);
        await server.StartAsync();
        Port = new Uri(server.Urls.Single()).Port;
        _server = server;
    }

    private async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref _open);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            _connections.TryAdd(context.Connection.Id, 0);
            var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
            OnHeaders?.Invoke(target);
            var (body, whole) = await ReadAsync(context);
            var headers = context.Request.Headers.SelectMany(header => header.Value, (header, value) => (header.Key.ToLowerInvariant(), value ?? "")).ToArray();
            var call = new ArrivedCall(context.Connection.Id, context.Request.Method, target, headers, body, whole) { Ended = ended.Task };
            _calls.Enqueue(call);
            if (whole)
            {
                await GiveAsync(context, Script(call));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The caller went away: that is an outcome here, seen through Ended.
        }
        finally
        {
            Interlocked.Decrement(ref _open);
            ended.SetResult();
        }
    }

    private static async Task<(byte[] Body, bool Whole)> ReadAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            return (body.ToArray(), true);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return (body.ToArray(), false);
        }
    }

    // Not by Append, which forgets empty values: a server's grpc-message is empty where all is well.
    private static void Set(IHeaderDictionary to, IEnumerable<(string Name, string Value)> headers)
    {
        foreach (var values in headers.GroupBy(header => header.Name, header => header.Value))
        {
            to[values.Key] = values.ToArray();
        }
    }

    private static async Task GiveAsync(HttpContext context, StubAnswer answer)
    {
        var gone = context.RequestAborted;
        if (answer.Later is { } later)
        {
            answer = await later(gone);
        }

        if (answer.GoAway)
        {
            context.Features.Get<IConnectionLifetimeNotificationFeature>()!.RequestClose();
        }

        if (answer.Before is { } before)
        {
            await before(gone);
        }

        if (answer is { Reset: { } early, Body: null })
        {
            context.Features.GetRequiredFeature<IHttpResetFeature>().Reset(early);
            return;
        }

        if (answer is { Cut: true, Body: null })
        {
            context.Features.Get<IConnectionLifetimeFeature>()!.Abort();
            return;
        }

        var response = context.Response;
        response.StatusCode = answer.HttpStatus;
        Set(response.Headers, answer.Headers);

        if (answer.Body is { } bytes)
        {
            await response.StartAsync(gone);
            if (answer.Amid is { } amid)
            {
                await response.Body.FlushAsync(gone);
                await amid(gone);
            }

            var piece = Math.Max(1, (bytes.Length + answer.Pieces - 1) / answer.Pieces);
            for (var from = 0; from < bytes.Length; from += piece)
            {
                await response.Body.WriteAsync(bytes.AsMemory(from, Math.Min(piece, bytes.Length - from)), gone);
                await response.Body.FlushAsync(gone);
            }
        }
        else if (answer.Trailers.Count > 0 || answer.StayOpen)
        {
            await response.StartAsync(gone);
            await response.Body.FlushAsync(gone);
        }

        if (answer.StayOpen)
        {
            await Task.Delay(Timeout.Infinite, gone);
        }
        else if (answer.Reset is { } code)
        {
            context.Features.GetRequiredFeature<IHttpResetFeature>().Reset(code);
        }
        else if (answer.Cut)
        {
            context.Features.Get<IConnectionLifetimeFeature>()!.Abort();
        }
        else
        {
            Set(context.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers, answer.Trailers);
        }
    }
}
