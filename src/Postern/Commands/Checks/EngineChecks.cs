using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using Postern.Configuration;
using Postern.Engines;
using Postern.Engines.Prefect;
using Postern.Engines.Temporal;

namespace Postern.Commands.Checks;

/// <summary>Whether what answers at each engine's address is an engine of its kind. Asked without a credential: it would go to whoever answers.</summary>
internal static class EngineChecks
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(PosternOptions options, Problems problems, CancellationToken cancellation)
    {
        (string Path, Task<string?> Wrong)[] probes =
        [
            .. options.Engines.Temporal.SelectMany((engine, i) => engine.Addresses.Select((address, j) => ($"engines.temporal[{i}].addresses[{j}]", ProbeAsync(engine, address, cancellation)))),
            .. options.Engines.Prefect.Select((engine, i) => ($"engines.prefect[{i}].address", ProbeAsync(engine, cancellation))),
        ];
        foreach (var (path, asked) in probes)
        {
            if (await asked is { } wrong)
            {
                problems.Error(path, $"{problems.Written(path)} {wrong}");
            }
        }
    }

    /// <summary>Null where the engine answers, otherwise what is wrong.</summary>
    private static async Task<string?> ProbeAsync(TemporalEngineOptions engine, string address, CancellationToken cancellation)
    {
        if (!Addresses.TryParseUpstream(address, out var host, out _))
        {
            return null;
        }

        using var request = HealthCheck($"{(engine.Tls is null ? "http" : "https")}://{address}/grpc.health.v1.Health/Check");
        return await AskAsync(
            request,
            engine.Tls is { } tls ? () => UpstreamTls.Create(tls, host, SslApplicationProtocol.Http2) : null,
            answer => answer.Content.Headers.ContentType?.MediaType?.StartsWith("application/grpc", StringComparison.Ordinal) == true
                ? null
                : $"answers, but not as gRPC (HTTP {(int)answer.StatusCode}); is it the frontend's gRPC port?",
            "HTTP/2",
            cancellation);
    }

    private static async Task<string?> ProbeAsync(PrefectEngineOptions engine, CancellationToken cancellation)
    {
        if (!PrefectEngineValidator.TryReadAddress(engine.Address, out var address))
        {
            return null;
        }

        // The server answers it without a credential. What stands before one that takes a bearer token needn't.
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, "/api/health")) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        return await AskAsync(
            request,
            engine.Tls is { } tls ? () => UpstreamTls.Create(tls, address.Host, SslApplicationProtocol.Http11) : null,
            answer => (answer.StatusCode == HttpStatusCode.OK && answer.Content.Headers.ContentType?.MediaType == "application/json")
                || (engine.Credential.Bearer is not null && answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
                ? null
                : $"answers, but not as a Prefect server (HTTP {(int)answer.StatusCode} to /api/health); is it the server's port?",
            "HTTP/1.1",
            cancellation);
    }

    private static async Task<string?> AskAsync(HttpRequestMessage request, Func<SslClientAuthenticationOptions>? tls, Func<HttpResponseMessage, string?> judge, string protocol, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false, ConnectTimeout = Patience };
            if (tls is not null)
            {
                handler.SslOptions = tls();
            }

            using var client = new HttpMessageInvoker(handler);
            using var answer = await client.SendAsync(request, patience.Token);
            return judge(answer);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return $"doesn't answer within {Patience.TotalSeconds} s; a firewall, or another service's port?";
        }
        catch (HttpRequestException e)
        {
            return Words(e, protocol, request.RequestUri!.Scheme == Uri.UriSchemeHttps);
        }
        catch (Exception e) when (e is IOException or CryptographicException or UnauthorizedAccessException)
        {
            return $"can't be asked, since its tls files can't be used: {e.Message}";
        }
    }

    private static string Words(HttpRequestException e, string protocol, bool isTls) => e.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => "has a name that doesn't resolve",
        HttpRequestError.SecureConnectionError when e.InnerException is AuthenticationException inner => $"refuses TLS or isn't who it should be: {inner.Message}",
        HttpRequestError.ConnectionError => $"can't be reached: {e.InnerException?.Message ?? e.Message}",
        _ => $"answers, but doesn't speak {protocol}{(isTls ? "" : " in clear text; does it want tls?")} ({e.Message})",
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
