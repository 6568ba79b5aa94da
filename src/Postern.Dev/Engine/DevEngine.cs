using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Dev.Engine.Authorization;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Services;

namespace Postern.Dev.Engine;

/// <summary>A Temporal-compatible server in memory: enough of it for stock SDK workers and clients. Not for production.</summary>
internal sealed class DevEngine : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly EngineState state;
    private readonly KeySet? keys;

    private DevEngine(WebApplication app, EngineState state, KeySet? keys, IPEndPoint address)
    {
        this.app = app;
        this.state = state;
        this.keys = keys;
        Address = address;
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint Address { get; }

    public static Task<DevEngine> StartAsync(DevEngineOptions options, CancellationToken cancellation) =>
        StartAsync(options, NullLoggerFactory.Instance, cancellation);

    public static async Task<DevEngine> StartAsync(DevEngineOptions options, ILoggerFactory loggers, CancellationToken cancellation)
    {
        var engineState = new EngineState(options, loggers.CreateLogger<EngineState>());
        KeySet? keySet = null;
        if (options.Authorization is { } authorization)
        {
            keySet = new KeySet(authorization, options.Time, loggers.CreateLogger<KeySet>());
            await keySet.StartAsync(cancellation);
        }

        var gate = new CallGate(engineState, keySet is null ? null : new Authorizer(options.Authorization!, keySet, options.Time));
        var server = new GrpcServer(EngineMethods.All(engineState), gate, options.Time, loggers.CreateLogger<GrpcServer>());
        var application = Build(options, loggers);
        application.Run(server.HandleAsync);
        await application.StartAsync(cancellation);
        var address = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new DevEngine(application, engineState, keySet, new IPEndPoint(options.Endpoint.Address, new Uri(address).Port));
    }

    /// <summary>Fetches the keys now instead of at the next tick.</summary>
    public Task RefreshKeysAsync() => keys?.RefreshAsync(CancellationToken.None) ?? Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        state.EndPolls();
        await app.StopAsync(new CancellationToken(canceled: true));
        await app.DisposeAsync();
        keys?.Dispose();
        state.Dispose();
    }

    private static WebApplication Build(DevEngineOptions options, ILoggerFactory loggers)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(loggers);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // Clients behind a proxy that ended TLS still say https.
            kestrel.AllowAlternateSchemes = true;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestHeadersTotalSize = 256 * 1024;
            // One SDK puts every poll of its workers on one connection; the server itself names no limit.
            kestrel.Limits.Http2.MaxStreamsPerConnection = 100_000;
            kestrel.Limits.Http2.MaxRequestHeaderFieldSize = 128 * 1024;
            kestrel.Limits.Http2.InitialConnectionWindowSize = 8 * 1024 * 1024;
            kestrel.Limits.Http2.InitialStreamWindowSize = 1024 * 1024;
            kestrel.Listen(options.Endpoint, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                if (options.MaxConnectionAge is { } age)
                {
                    listen.Use(next => ConnectionAge.Limit(next, age, options.MaxConnectionAgeGrace, options.Time));
                }
            });
        });
        return builder.Build();
    }
}
