using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Postern.Configuration;
using Postern.Forwarding;

namespace Postern.Hosting;

/// <summary>
/// Kestrel without the web framework around it: the server is taken from a host that is never started and handed our own application, so that the gRPC path has
/// no routing, no middleware and no HttpContext.
/// </summary>
internal sealed class KestrelListeners : IAsyncDisposable
{
    private readonly IReadOnlyList<Part> _parts;
    private readonly IReadOnlyList<ServerCertificates?> _certificates;

    private KestrelListeners(IReadOnlyList<Part> parts, IReadOnlyList<ServerCertificates?> certificates)
    {
        _parts = parts;
        _certificates = certificates;
    }

    /// <summary>The addresses in order of the configuration, with the ports that were taken.</summary>
    public IReadOnlyList<IPEndPoint> Bound { get; private set; } = [];

    public IEnumerable<ServerCertificates> Certificates => _certificates.OfType<ServerCertificates>();

    public static KestrelListeners Create(IReadOnlyList<ListenOptions> listeners, LimitsOptions limits, ILoggerFactory loggers)
    {
        var certificates = listeners.Select(listener => listener.Tls is { } tls ? new ServerCertificates(tls) : null).ToArray();
        // A connection of HTTP/1.1 carries one call at a time: handled where it was read, it saves a third of a small call's CPU. One of HTTP/2 carries a worker's hundred polls, which would then
        // be handled one behind the other: a fifth more (both bench/load). How it is done is a server's setting, so each kind has its own.
        var parts = Enumerable.Range(0, listeners.Count).GroupBy(i => certificates[i] is null && listeners[i].Protocol == ListenProtocol.Http)
            .Select(kind => Part.Create([.. kind], isInline: kind.Key, kestrel => Configure(kestrel, kind, listeners, certificates, limits), loggers));
        return new KestrelListeners([.. parts], certificates);
    }

    public async Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellation)
        where TContext : notnull
    {
        var bound = new IPEndPoint[_certificates.Count];
        foreach (var part in _parts)
        {
            await part.Server.StartAsync(application, cancellation);
            var addresses = part.Server.Features.Get<Microsoft.AspNetCore.Hosting.Server.Features.IServerAddressesFeature>()!.Addresses.Select(Parse);
            foreach (var (place, address) in part.Places.Zip(addresses))
            {
                bound[place] = address;
            }
        }

        Bound = bound;
    }

    /// <summary>Stops accepting, sends GOAWAY on every connection and waits for open calls until <paramref name="cancellation"/>, which cuts the rest.</summary>
    public Task StopAsync(CancellationToken cancellation) => Task.WhenAll(_parts.Select(part => part.Server.StopAsync(cancellation)));

    public ValueTask DisposeAsync()
    {
        foreach (var part in _parts)
        {
            part.Host.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    private static IPEndPoint Parse(string address)
    {
        var uri = new Uri(address);
        return new IPEndPoint(IPAddress.Parse(uri.DnsSafeHost), uri.Port);
    }

    private static void Configure(
        KestrelServerOptions kestrel, IEnumerable<int> places, IReadOnlyList<ListenOptions> listeners, ServerCertificates?[] certificates, LimitsOptions limits)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        kestrel.ResponseHeaderEncodingSelector = ResponseHeaderText.EncodingOf;
        // Behind a balancer that ends TLS, the client's own :scheme of https arrives in clear text. Nothing here asks for it.
        kestrel.AllowAlternateSchemes = true;
        // Polls send nothing for a minute: rates are no measure of a dead client here, pings are.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MaxRequestBodySize = null; // the pipeline counts, so that the refusal has the engine's shape
        kestrel.Limits.MaxRequestHeadersTotalSize = (int)limits.HeaderBytes.Bytes;
        kestrel.Limits.MaxRequestHeaderCount = 200;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        kestrel.Limits.Http2.MaxStreamsPerConnection = limits.StreamsPerConnection;
        kestrel.Limits.Http2.MaxRequestHeaderFieldSize = (int)limits.HeaderBytes.Bytes;
        kestrel.Limits.Http2.InitialConnectionWindowSize = 8 * 1024 * 1024;
        kestrel.Limits.Http2.InitialStreamWindowSize = 1024 * 1024;
        kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(60);
        kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
        foreach (var i in places)
        {
            var listener = listeners[i];
            var certificate = certificates[i];
            if (!Addresses.TryParseListen(listener.Address, out var endPoint))
            {
                throw new FormatException($"'{listener.Address}' is not an IP address and port");
            }

            kestrel.Listen(endPoint, options =>
            {
                if (certificate is null)
                {
                    options.Protocols = listener.Protocol == ListenProtocol.Grpc ? HttpProtocols.Http2 : HttpProtocols.Http1;
                    return;
                }

                options.Protocols = HttpProtocols.Http1AndHttp2;
                options.UseHttps(new TlsHandshakeCallbackOptions
                {
                    HandshakeTimeout = TimeSpan.FromSeconds(10),
                    OnConnection = context => ValueTask.FromResult(certificate.ForConnection(context.Connection.Features)),
                });
            });
        }
    }

    /// <summary>One server, with the places of its listeners in the configuration.</summary>
    private sealed record Part(IHost Host, IServer Server, IReadOnlyList<int> Places)
    {
        public static Part Create(IReadOnlyList<int> places, bool isInline, Action<KestrelServerOptions> configure, ILoggerFactory loggers)
        {
            var host = new HostBuilder()
                .ConfigureServices(services => services.AddSingleton(loggers).AddLogging())
                .ConfigureWebHost(web => web
                    .UseKestrelCore()
                    .UseKestrelHttpsConfiguration()
                    .UseSockets(sockets => sockets.UnsafePreferInlineScheduling = isInline)
                    .UseSetting(WebHostDefaults.PreventHostingStartupKey, "true")
                    .ConfigureKestrel(configure)
                    .Configure(static _ => { }))
                .Build();
            return new Part(host, host.Services.GetRequiredService<IServer>(), places);
        }
    }
}
