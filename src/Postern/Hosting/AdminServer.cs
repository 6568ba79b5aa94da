using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Postern.Configuration;

namespace Postern.Hosting;

/// <summary>
/// The listener for operators and probes, and the one for public keys. Each is a server of its own: no Host header, path or protocol on the public listener can
/// lead here.
/// </summary>
internal sealed class AdminServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private AdminServer(WebApplication app) => _app = app;

    public IPEndPoint Address { get; private set; } = new(IPAddress.Loopback, 0);

    /// <summary>
    /// Starts the admin listener: /healthz, /readyz, /metrics, /pollers, POST /reload, the management API below /v1/, and the key sets where no keys listener is
    /// configured.
    /// </summary>
    public static Task<AdminServer> StartAdminAsync(string address, AdminSurface surface, bool withKeys, ILoggerFactory loggers, CancellationToken cancellation) =>
        StartAsync(address, context => (context.Request.Method, context.Request.Path.Value) switch
        {
            ("GET" or "HEAD", "/healthz") => context.Response.WriteAsync("ok\n"),
            ("GET" or "HEAD", "/readyz") => WriteAsync(context, surface.Ready()),
            ("GET", "/metrics") => WriteMetricsAsync(context, surface),
            ("GET", "/pollers") => WriteAsync(context, surface.Pollers()),
            ("POST", "/reload") => ReloadAsync(context, surface),
            ("GET" or "HEAD", "/engine") when withKeys => WriteKeysAsync(context, surface.EngineKeySet),
            ("GET" or "HEAD", "/caller") when withKeys => WriteKeysAsync(context, surface.CallerKeySet),
            (_, { } path) when path.StartsWith("/v1/", StringComparison.Ordinal) => surface.ManageAsync(context),
            _ => NotFound(context),
        }, loggers, cancellation);

    /// <summary>Starts the listener for public keys only: /engine, what the engine is presented; /caller, what callers are asserted with.</summary>
    public static Task<AdminServer> StartKeysAsync(string address, AdminSurface surface, ILoggerFactory loggers, CancellationToken cancellation) =>
        StartAsync(address, context => (context.Request.Method, context.Request.Path.Value) switch
        {
            ("GET" or "HEAD", "/engine") => WriteKeysAsync(context, surface.EngineKeySet),
            ("GET" or "HEAD", "/caller") => WriteKeysAsync(context, surface.CallerKeySet),
            _ => NotFound(context),
        }, loggers, cancellation);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    /// <summary>
    /// A key set. Temporal's server ignores the HTTP status and takes any JSON object for the new key set, so that an error document here would make it
    /// forget every key: what is answered is a set with keys in it, or nothing at all.
    /// </summary>
    private static async Task WriteKeysAsync(HttpContext context, Func<ReadOnlyMemory<byte>> keySet)
    {
        ReadOnlyMemory<byte> set;
        try
        {
            set = keySet();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            set = default;
        }

        if (set.IsEmpty)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-cache";
        context.Response.ContentLength = set.Length;
        await context.Response.BodyWriter.WriteAsync(set);
    }

    private static async Task WriteMetricsAsync(HttpContext context, AdminSurface surface)
    {
        context.Response.ContentType = Telemetry.PrometheusText.ContentType;
        surface.WriteMetrics(context.Response.BodyWriter);
        await context.Response.BodyWriter.FlushAsync();
    }

    private static async Task ReloadAsync(HttpContext context, AdminSurface surface) => await WriteAsync(context, await surface.ReloadAsync(context.RequestAborted));

    // Without a body, on purpose: see WriteKeysAsync.
    private static Task NotFound(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private static async Task<AdminServer> StartAsync(string address, RequestDelegate answer, ILoggerFactory loggers, CancellationToken cancellation)
    {
        if (!Addresses.TryParseListen(address, out var endPoint))
        {
            throw new FormatException($"'{address}' is not an IP address and port");
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "postern" });
        builder.Services.AddSingleton<ILoggerFactory>(new WithoutTargets(loggers));
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 64 * 1024;
            kestrel.Limits.MaxConcurrentConnections = 1000;
            kestrel.Listen(endPoint, listen => listen.Protocols = HttpProtocols.Http1);
        });
        var app = builder.Build();
        app.Run(answer);
        await app.StartAsync(cancellation);
        var server = app.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>();
        var bound = new Uri(server.Features.Get<Microsoft.AspNetCore.Hosting.Server.Features.IServerAddressesFeature>()!.Addresses.First());
        return new AdminServer(app) { Address = new IPEndPoint(endPoint.Address, bound.Port) };
    }

    /// <summary>The framework's line per request holds its target, and somebody may have put a secret into the query.</summary>
    private sealed class WithoutTargets(ILoggerFactory loggers) : ILoggerFactory
    {
        public ILogger CreateLogger(string categoryName) =>
            categoryName.StartsWith("Microsoft.AspNetCore.Hosting", StringComparison.Ordinal) ? Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance : loggers.CreateLogger(categoryName);

        public void AddProvider(ILoggerProvider provider) => loggers.AddProvider(provider);

        // Whoever made the other one ends it.
        public void Dispose()
        {
        }
    }

    private static async Task WriteAsync<T>(HttpContext context, T body)
    {
        context.Response.StatusCode = body switch
        {
            Readiness { Ready: false } => StatusCodes.Status503ServiceUnavailable,
            ReloadAnswer { Reloaded: false } => StatusCodes.Status422UnprocessableEntity,
            _ => StatusCodes.Status200OK,
        };
        context.Response.ContentType = "application/json";
        await JsonSerializer.SerializeAsync(context.Response.Body, body, typeof(T), AdminJson.Default, context.RequestAborted);
    }
}

/// <summary>What the admin listener shows and does.</summary>
internal sealed record AdminSurface(
    Func<Readiness> Ready,
    Action<System.Buffers.IBufferWriter<byte>> WriteMetrics,
    Func<IReadOnlyList<PollerLine>> Pollers,
    Func<CancellationToken, Task<ReloadAnswer>> ReloadAsync,
    RequestDelegate ManageAsync,
    Func<ReadOnlyMemory<byte>> EngineKeySet,
    Func<ReadOnlyMemory<byte>> CallerKeySet);

/// <summary>Answer of /readyz: what is missing, in words.</summary>
internal sealed record Readiness(bool Ready, IReadOnlyList<string> Missing);

/// <summary>Answer of /reload.</summary>
internal sealed record ReloadAnswer(bool Reloaded, string PolicyVersion, IReadOnlyList<string> Problems, IReadOnlyList<string> Warnings);

/// <summary>One line of /pollers: who polled what lately.</summary>
internal sealed record PollerLine(
    string Caller, string Kind, string Issuer, string Subject, IReadOnlyList<string> Groups, string Permission, string? Namespace, string? TaskQueue, DateTimeOffset LastSeen);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Readiness))]
[JsonSerializable(typeof(ReloadAnswer))]
[JsonSerializable(typeof(IReadOnlyList<PollerLine>))]
internal sealed partial class AdminJson : JsonSerializerContext;
