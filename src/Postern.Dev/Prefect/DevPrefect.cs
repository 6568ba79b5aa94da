using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Postern.Dev.Prefect;

/// <summary>How the server runs.</summary>
internal sealed record DevPrefectOptions
{
    /// <summary>Port on 127.0.0.1; 0: a free one.</summary>
    public required int Port { get; init; }

    /// <summary>What every caller must present, <c>user:password</c>, as <c>PREFECT_SERVER_API_AUTH_STRING</c>. Null (default): nothing.</summary>
    public string? AuthString { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>
/// A Prefect-compatible API in memory: enough of it for workers, runners, flows and the command line to do their ordinary work, and no web UI. Nothing is
/// scheduled by itself, and no automation acts. For development only.
/// </summary>
internal sealed class DevPrefect : IAsyncDisposable
{
    // As the server pings, so that both ends see the other one go.
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(20);

    private readonly WebApplication _app;

    private DevPrefect(WebApplication app) => _app = app;

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_app.Urls.Single());

    public static async Task<DevPrefect> StartAsync(DevPrefectOptions options, ILoggerFactory loggers, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [], EnvironmentName = "Production" });
        builder.Services.AddSingleton(loggers);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // A batch of logs is up to 4 MB; the server itself knows no limit.
            kestrel.Limits.MaxRequestBodySize = 64 * 1024 * 1024;
            kestrel.Listen(IPAddress.Loopback, options.Port);
        });
        var app = builder.Build();
        try
        {
            Map(app, options);
            await app.StartAsync(cancellation);
            return new DevPrefect(app);
        }
        catch (Exception e)
        {
            await app.DisposeAsync();
            throw e is IOException ? new DevSetupException($"The Prefect server can't listen on port {options.Port}: {e.Message} Choose another with --prefect-port.", e) : e;
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Sockets stay open until their clients go: they are cut.
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private static void Map(WebApplication app, DevPrefectOptions options)
    {
        var world = new PrefectWorld(options.Time);
        var runs = new PrefectRuns(world);
        var work = new PrefectWorkRoutes(world, runs);
        var blocks = new PrefectBlockRoutes(world);
        var sockets = new PrefectSockets(world, work, options.AuthString);
        blocks.Seed();

        app.UseRouting();
        app.Use((context, next) => IsAllowed(context, options.AuthString)
            ? next(context)
            : PrefectRoutes.WriteAsync(context.Response, new PrefectReply(StatusCodes.Status401Unauthorized, new JsonObject { ["exception_message"] = "Unauthorized" })));
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = PingInterval });
        var routes = new PrefectRoutes(app, world);
        new PrefectServerRoutes(world).Map(routes);
        new PrefectFlowRoutes(world, runs).Map(routes);
        work.Map(routes);
        blocks.Map(routes);
        new PrefectRecordRoutes(world).Map(routes);
        var firstFrame = new AuthenticatesInFirstFrame();
        app.MapGet("/api/events/in", sockets.EventsInAsync).WithMetadata(firstFrame);
        app.MapGet("/api/events/out", sockets.EventsOutAsync).WithMetadata(firstFrame);
        app.MapGet("/api/logs/out", sockets.LogsOutAsync).WithMetadata(firstFrame);
        app.MapGet("/api/task_runs/subscriptions/scheduled", sockets.ScheduledTasksAsync).WithMetadata(firstFrame);
        app.MapGet("/api/work_pools/{pool}/workers/connect", sockets.WorkerChannelAsync).WithMetadata(firstFrame);
        app.MapGet("/ui-settings", context => PrefectRoutes.WriteAsync(context.Response, PrefectReply.Ok(new JsonObject
        {
            ["api_url"] = $"{context.Request.Scheme}://{context.Request.Host}/api", ["csrf_enabled"] = false, ["auth"] = options.AuthString is null ? null : "BASIC", ["flags"] = new JsonArray(),
            ["default_ui"] = "v2", ["available_uis"] = new JsonArray("v1", "v2"), ["v1_base_url"] = "/", ["v2_base_url"] = "/v2",
        })));
        app.MapFallback(context => PrefectRoutes.WriteAsync(context.Response, new PrefectReply(StatusCodes.Status404NotFound, new JsonObject { ["detail"] = "Not Found" })));
    }

    // Health and readiness are for whoever asks.
    private static bool IsAllowed(HttpContext context, string? authString)
    {
        var request = context.Request;
        if (authString is null || !request.Path.StartsWithSegments("/api", StringComparison.Ordinal) || context.GetEndpoint()?.Metadata.GetMetadata<AuthenticatesInFirstFrame>() is not null
            || (HttpMethods.IsGet(request.Method) && request.Path.Value is "/api/health" or "/api/ready"))
        {
            return true;
        }

        var expected = Encoding.ASCII.GetBytes("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(authString)));
        return CryptographicOperations.FixedTimeEquals(Encoding.Latin1.GetBytes(request.Headers.Authorization.ToString()), expected);
    }

    /// <summary>A socket: whoever opens it says who he is in its first frame.</summary>
    private sealed class AuthenticatesInFirstFrame;
}
