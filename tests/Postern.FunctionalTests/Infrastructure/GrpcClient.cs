using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>An ordinary gRPC client over <see cref="HttpClient"/>: well-formed calls, as an SDK makes them.</summary>
internal sealed class GrpcClient : IDisposable
{
    public const string WorkflowService = "/temporal.api.workflowservice.v1.WorkflowService/";
    public const string OperatorService = "/temporal.api.operatorservice.v1.OperatorService/";

    private readonly HttpMessageInvoker _http;
    private readonly string _root;

    public GrpcClient(string address)
    {
        _root = "http://" + address;
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            UseCookies = false,
            UseProxy = false,
            ActivityHeadersPropagator = null,
            ConnectCallback = ConnectAsync,
        });
    }

    /// <summary>Where this client calls from: an address of its own, since failed attempts are counted by address.</summary>
    public IPAddress Source { get; } = Loopback.Next();

    /// <summary>Calls a method of WorkflowService by its last word, any other by its path.</summary>
    public async Task<GrpcResult> CallAsync(
        string method, ReadOnlyMemory<byte> message, string? token = null, CancellationToken cancellation = default, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _root + (method.StartsWith('/') ? method : WorkflowService + method))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(GrpcFrame.Of(message.Span)),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        if (token is not null)
        {
            request.Headers.TryAddWithoutValidation("authorization", "Bearer " + token);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(RawHttp2.Deadline);
        using var response = await _http.SendAsync(request, deadline.Token);
        var body = await response.Content.ReadAsByteArrayAsync(deadline.Token);
        return new GrpcResult(
            (int)response.StatusCode,
            [.. response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated).SelectMany(h => h.Value, (h, v) => (h.Key.ToLowerInvariant(), v))],
            body,
            [.. response.TrailingHeaders.NonValidated.SelectMany(h => h.Value, (h, v) => (h.Key.ToLowerInvariant(), v))]);
    }

    public void Dispose() => _http.Dispose();

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(new IPEndPoint(Source, 0));
            await socket.ConnectAsync(IPAddress.Parse(context.DnsEndPoint.Host), context.DnsEndPoint.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>The answer to one call.</summary>
internal sealed record GrpcResult(
    int HttpStatus, IReadOnlyList<(string Name, string Value)> Headers, byte[] Body, IReadOnlyList<(string Name, string Value)> Trailers)
{
    private IEnumerable<(string Name, string Value)> All => Trailers.Concat(Headers);

    public int Status => int.Parse(RawAnswer.Find(All, "grpc-status") ?? throw new InvalidOperationException("The answer has no grpc-status: " + this));

    public string Message => Uri.UnescapeDataString(RawAnswer.Find(All, "grpc-message") ?? "");

    public string? Details => RawAnswer.Find(All, "grpc-status-details-bin");

    public string? Header(string name) => RawAnswer.Find(Headers, name);
}
