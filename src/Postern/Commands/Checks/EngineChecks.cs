using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Security.Cryptography;
using Postern.Configuration;
using Postern.Engines;
using Postern.Engines.Temporal;

namespace Postern.Commands.Checks;

/// <summary>Whether something that speaks gRPC answers at each engine's address. Asked without a credential: it would go to whoever answers.</summary>
internal static class EngineChecks
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(PosternOptions options, Problems problems, CancellationToken cancellation)
    {
        var probes = options.Engines.Temporal.SelectMany((engine, i) => engine.Addresses.Select((address, j) => (engine, address, path: $"engines.temporal[{i}].addresses[{j}]")));
        await Task.WhenAll(probes.Select(async probe =>
        {
            if (await ProbeAsync(probe.engine, probe.address, cancellation) is { } wrong)
            {
                lock (problems)
                {
                    problems.Error(probe.path, $"{problems.Written(probe.path)} {wrong}");
                }
            }
        }));
    }

    /// <summary>Null where the engine answers, otherwise what is wrong.</summary>
    private static async Task<string?> ProbeAsync(TemporalEngineOptions engine, string address, CancellationToken cancellation)
    {
        if (!Addresses.TryParseUpstream(address, out var host, out _))
        {
            return null;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false, ConnectTimeout = Patience };
            if (engine.Tls is { } tls)
            {
                handler.SslOptions = UpstreamTls.Create(tls, host, System.Net.Security.SslApplicationProtocol.Http2);
            }

            using var client = new HttpMessageInvoker(handler);
            using var request = HealthCheck($"{(engine.Tls is null ? "http" : "https")}://{address}/grpc.health.v1.Health/Check");
            using var answer = await client.SendAsync(request, patience.Token);
            return answer.Content.Headers.ContentType?.MediaType?.StartsWith("application/grpc", StringComparison.Ordinal) == true
                ? null
                : $"answers, but not as gRPC (HTTP {(int)answer.StatusCode}); is it the frontend's gRPC port?";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return $"doesn't answer within {Patience.TotalSeconds} s; a firewall, or another service's port?";
        }
        catch (HttpRequestException e)
        {
            return Words(e, engine.Tls is not null);
        }
        catch (Exception e) when (e is IOException or CryptographicException or UnauthorizedAccessException)
        {
            return $"can't be asked, since its tls files can't be used: {e.Message}";
        }
    }

    private static string Words(HttpRequestException e, bool isTls) => e.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => "has a name that doesn't resolve",
        HttpRequestError.SecureConnectionError when e.InnerException is AuthenticationException inner => $"refuses TLS or isn't who it should be: {inner.Message}",
        HttpRequestError.ConnectionError => $"can't be reached: {e.InnerException?.Message ?? e.Message}",
        _ => $"answers, but doesn't speak HTTP/2{(isTls ? "" : " in clear text; does it want tls?")} ({e.Message})",
    };

    // An empty HealthCheckRequest: the health of the whole server.
    private static HttpRequestMessage HealthCheck(string uri)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, uri)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, 0, 0, 0, 0]),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        return request;
    }
}
