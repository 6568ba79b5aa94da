using System.Net;
using Microsoft.Extensions.Logging;
using Postern.Dev.Engine;
using Postern.Dev.IdentityProvider;
using Postern.Dev.Prefect;
using Postern.Hosting;

namespace Postern.Dev;

/// <summary>
/// The parts in one process: the real gate with real files in front of the embedded engine, with the embedded identity provider. Nothing here does the gate's
/// work: what is seen here is what `postern serve` does.
/// </summary>
internal sealed class DevHost : IAsyncDisposable
{
    // Often, so that the engine knows a key that the gate has just made while nobody has called yet.
    private static readonly TimeSpan KeyRefresh = TimeSpan.FromSeconds(2);

    private readonly List<IAsyncDisposable> _parts = [];

    private DevHost()
    {
    }

    /// <summary>Writes the files and starts the parts.</summary>
    /// <exception cref="DevSetupException">Something of the machine or the folder is in the way; the message says what.</exception>
    public static async Task<DevHost> StartAsync(DevHostOptions options, ILoggerFactory loggers, CancellationToken cancellation)
    {
        DevFiles.Write(options);
        var host = new DevHost();
        try
        {
            if (options.Parts.HasFlag(DevParts.Identity))
            {
                host._parts.Add(await DevIdentityProvider.StartAsync(
                    new DevIdentityProviderOptions { Folder = options.Folder, Port = options.Ports.Identity, TokenLifetime = options.TokenLifetime }, loggers, cancellation));
            }

            // Before the engine, which fetches the gate's keys when it starts.
            if (options.Parts.HasFlag(DevParts.Gate))
            {
                host._parts.Add(await PosternHost.StartAsync(DevFiles.ConfigPath(options.Folder), loggers, TimeProvider.System, cancellation));
            }

            if (options.Parts.HasFlag(DevParts.Engine) && options.Engine == DevEngineChoice.Embedded)
            {
                host._parts.Add(await DevEngine.StartAsync(EngineOptions(options), loggers, cancellation));
            }
            else if (options.Parts.HasFlag(DevParts.Engine) && options.Engine == DevEngineChoice.TemporalCli)
            {
                host._parts.Add(await TemporalCliServer.StartAsync(options.Ports.Engine, TimeProvider.System, cancellation));
            }

            if (options.Parts.HasFlag(DevParts.Engine))
            {
                host._parts.Add(options.RealPrefect
                    ? await PrefectCliServer.StartAsync(options, cancellation)
                    : await DevPrefect.StartAsync(new DevPrefectOptions { Port = options.Ports.Prefect, AuthString = DevFiles.PrefectAuthString(options.Folder) }, loggers, cancellation));
            }

            return host;
        }
        catch (Exception e)
        {
            await host.DisposeAsync();
            switch (e)
            {
                case InvalidConfigurationException:
                    throw new DevSetupException(e.Message, e);
                case IOException { InnerException: not null }:
                    throw new DevSetupException($"{e.Message} Choose other ports (--help), or let postern-dev find free ones: --free-ports.", e);
                default:
                    throw;
            }
        }
    }

    /// <summary>The gate ends before what it talks to, so that its last calls find somebody.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var part in _parts.OrderByDescending(part => part is PosternHost))
        {
            await part.DisposeAsync();
        }

        _parts.Clear();
    }

    private static DevEngineOptions EngineOptions(DevHostOptions options) => new()
    {
        Endpoint = new IPEndPoint(IPAddress.Loopback, options.Ports.Engine),
        MaxConnectionAge = options.EngineConnectionAge,
        MaxConnectionAgeGrace = options.EngineConnectionGrace,
        Authorization = new DevEngineAuthorization
        {
            KeySource = new Uri($"http://127.0.0.1:{options.Ports.Keys}/engine"),
            RefreshInterval = KeyRefresh,
            Audience = DevFiles.EngineAudience,
        },
    };
}
