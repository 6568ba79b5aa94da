using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Postern.Client;
using Postern.Telemetry;
using Yarp.ReverseProxy.Forwarder;

namespace Postern.Commands.Workload;

/// <param name="Listen">Loopback address or Unix socket.</param>
/// <param name="Gate">Where calls go.</param>
/// <param name="IsGrpc">Whether HTTP/2 is spoken in clear; otherwise HTTP/1.1.</param>
internal sealed record AgentOptions(EndPoint Listen, Uri Gate, bool IsGrpc);

/// <summary>The running sidecar: everything that comes in goes to the gate, with this workload's token in place of whatever credential it had.</summary>
internal sealed partial class AgentServer : IAsyncDisposable
{
    // Polls last for a minute and streams for hours: only silence on both sides ends one.
    private static readonly ForwarderRequestConfig s_http2 = new() { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, ActivityTimeout = TimeSpan.FromHours(1) };
    private static readonly ForwarderRequestConfig s_http1 = new() { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionOrLower, ActivityTimeout = TimeSpan.FromHours(1) };

    private readonly WebApplication _app;
    private readonly AgentOptions _options;
    private readonly PosternTokenSource _source;
    private readonly HttpMessageInvoker _invoker;
    private readonly ILogger _logger;
    private readonly WithToken _transformer;
    private readonly TaskCompletionSource<string?> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IHttpForwarder _forwarder = null!;

    private AgentServer(WebApplication app, AgentOptions options, PosternTokenSource source, HttpMessageHandler handler, ILogger logger)
    {
        (_app, _options, _source, _logger) = (app, options, source, logger);
        _invoker = new HttpMessageInvoker(handler, disposeHandler: false);
        _transformer = new WithToken(this);
    }

    /// <summary>Completes when it has to end by itself, with the gate's reason; null never.</summary>
    public Task<string?> Ended => _ended.Task;

    public string Address { get; private set; } = "";

    /// <summary>Gets the first token and listens. Throws <see cref="PosternTokenException"/> where none can be had: a sidecar that can't do its work says so at once.</summary>
    public static async Task<AgentServer> StartAsync(AgentOptions options, PosternTokenSource source, HttpMessageHandler handler, ILoggerFactory loggers, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "postern-agent" });
        builder.Services.AddSingleton(loggers).AddLogging();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        builder.Services.AddHttpForwarder();
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, options));
        var app = builder.Build();
        var agent = new AgentServer(app, options, source, handler, loggers.CreateLogger<AgentServer>());
        agent._forwarder = app.Services.GetRequiredService<IHttpForwarder>();
        app.Run(agent.ForwardAsync);
        await source.FeedAsync(agent.Renewed, agent.Failed, cancellation);
        await app.StartAsync(cancellation);
        agent.Address = options.Listen is UnixDomainSocketEndPoint ? $"unix:{options.Listen}"
            : new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Authority;
        return agent;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _invoker.Dispose();
        if (_options.Listen is UnixDomainSocketEndPoint socket)
        {
            File.Delete(socket.ToString()!);
        }
    }

    private static void Configure(KestrelServerOptions kestrel, AgentOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowAlternateSchemes = true;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 10_000;
        Action<ListenOptions> protocol = listen => listen.Protocols = options.IsGrpc ? HttpProtocols.Http2 : HttpProtocols.Http1;
        if (options.Listen is UnixDomainSocketEndPoint socket)
        {
            var path = socket.ToString()!;
            File.Delete(path);
            kestrel.ListenUnixSocket(path, protocol);
        }
        else
        {
            kestrel.Listen((IPEndPoint)options.Listen, protocol);
        }
    }

    private async Task ForwardAsync(HttpContext context)
    {
        var error = await _forwarder.SendAsync(
            context, _options.Gate.GetLeftPart(UriPartial.Authority), _invoker, _options.IsGrpc ? s_http2 : s_http1, _transformer);
        if (error is ForwarderError.None or ForwarderError.RequestCanceled or ForwarderError.ResponseBodyCanceled)
        {
            return;
        }

        var cause = context.Features.Get<IForwarderErrorFeature>()?.Exception;
        Log.NotForwarded(_logger, context.Request.Path, cause?.Message ?? error.ToString());
        if (!context.Response.HasStarted && _options.IsGrpc)
        {
            // A gRPC client takes any HTTP error for an unknown one; this it tries again.
            context.Response.StatusCode = StatusCodes.Status200OK;
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = "14";
            context.Response.Headers["grpc-message"] = cause is PosternTokenException ? "postern agent: no token can be had" : "postern agent: the gate can't be reached";
        }
    }

    private async Task RefreshAsync()
    {
        try
        {
            await _source.RefreshAsync();
        }
        catch (PosternTokenException e)
        {
            Failed(e);
        }
        catch (OperationCanceledException)
        {
            // The agent ends.
        }
    }

    private void Renewed(PosternToken token) => Log.Renewed(_logger, token.ExpiresAt);

    private void Failed(PosternTokenException e)
    {
        Log.NotRenewed(_logger, e.Message);
        if (!e.IsTransient)
        {
            _ended.TrySetResult(e.Message);
        }
    }

    /// <summary>Puts the workload's token in place of any credential that a program sent.</summary>
    private sealed class WithToken(AgentServer agent) : HttpTransformer
    {
        public override async ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
            proxyRequest.Headers.Host = null;
            proxyRequest.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await agent._source.GetAsync(cancellationToken)).Value);
        }

        public override ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
        {
            // The token is no good any more, though it hasn't ended: either there is a better one, or this workload is nobody any more.
            if (proxyResponse is { StatusCode: HttpStatusCode.Unauthorized }
                || (proxyResponse is not null && proxyResponse.Headers.NonValidated.TryGetValues("grpc-status", out var status) && status.ToString() == "16"))
            {
                _ = agent.RefreshAsync();
            }

            return base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Commands + 10, LogLevel.Information, "A new token; it holds until {Until:O}")]
        public static partial void Renewed(ILogger logger, DateTimeOffset until);

        [LoggerMessage(EventIds.Commands + 11, LogLevel.Warning, "No new token: {Reason}")]
        public static partial void NotRenewed(ILogger logger, string reason);

        [LoggerMessage(EventIds.Commands + 12, LogLevel.Warning, "{Path} was not forwarded: {Reason}")]
        public static partial void NotForwarded(ILogger logger, string path, string reason);
    }
}
