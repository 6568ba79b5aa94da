using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Client;
using Postern.Commands.Workload;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Workload;

/// <summary>The sidecar between a worker without credentials and a real gate.</summary>
public sealed class AgentTests
{
    [Fact]
    public async Task CallWithoutCredential_ReachesTheEngineAsTheWorkload_AndAForeignOneIsReplaced()
    {
        await using var gate = await Gate.StartAsync();
        await using var endpoint = await StubTokenEndpoint.StartAsync();
        endpoint.Token = _ => gate.Issuer.Token("worker");
        await using var agent = await Sidecar.StartAsync(gate, endpoint);
        using var client = new GrpcClient(agent.Server.Address);

        Assert.Equal(0, (await client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), null, Cancellation)).Status);
        Assert.Equal(0, (await client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), gate.Issuer.Token("nobody"), Cancellation)).Status);
        Assert.Equal(GrpcCode.PermissionDenied, (await client.CallAsync("StartWorkflowExecution", Requests.Start("payroll"), gate.Issuer.Token("root"), Cancellation)).Status);
        Assert.Equal(["ci:pst_key"], endpoint.Clients.Distinct());
    }

    [Fact]
    public async Task ManyPollsAtOnce_GoThrough_OnOneConnection()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gate = await Gate.StartAsync(new GateSetup { Script = call => StubAnswer.Ok() with { Before = call.Operation == "PollWorkflowTaskQueue" ? _ => release.Task : null } });
        await using var endpoint = await StubTokenEndpoint.StartAsync();
        endpoint.Token = _ => gate.Issuer.Token("worker");
        await using var agent = await Sidecar.StartAsync(gate, endpoint);
        using var client = new GrpcClient(agent.Server.Address);

        var polls = Enumerable.Range(0, 200).Select(_ => client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), null, Cancellation)).ToList();
        await Eventually.TrueAsync(() => gate.Engine.Open == 200);
        release.SetResult();

        Assert.All(await Task.WhenAll(polls), answer => Assert.Equal(0, answer.Status));
    }

    [Fact]
    public async Task TokenThatTheGateRefuses_IsReplacedAtOnce()
    {
        await using var gate = await Gate.StartAsync();
        await using var endpoint = await StubTokenEndpoint.StartAsync();
        endpoint.Token = n => n == 1 ? "no-token-of-ours" : gate.Issuer.Token("worker");
        await using var agent = await Sidecar.StartAsync(gate, endpoint);
        using var client = new GrpcClient(agent.Server.Address);

        Assert.Equal(GrpcCode.Unauthenticated, (await client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), null, Cancellation)).Status);
        await Eventually.AnswersAsync(() => client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), null, Cancellation), answer => answer.Status == 0);
    }

    [Fact]
    public async Task IdentityThatIsRefused_EndsTheAgent_WithTheReason()
    {
        await using var gate = await Gate.StartAsync();
        await using var endpoint = await StubTokenEndpoint.StartAsync();
        endpoint.Life = 3;
        endpoint.Token = n => n == 1 ? gate.Issuer.Token("worker") : null;
        await using var agent = await Sidecar.StartAsync(gate, endpoint);

        Assert.Contains("The account ci is disabled.", await agent.Server.Ended.WaitAsync(RawHttp2.Deadline, Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task IdentityThatIsRefusedFromTheBeginning_StartsNoAgent()
    {
        await using var gate = await Gate.StartAsync();
        await using var endpoint = await StubTokenEndpoint.StartAsync();
        endpoint.Token = _ => null;

        Assert.False((await Assert.ThrowsAsync<PosternTokenException>(() => Sidecar.StartAsync(gate, endpoint))).IsTransient);
    }

    [Fact]
    public async Task GateThatIsAway_IsUnavailable_AndBackWhenItIsBack()
    {
        await using var gate = await Gate.StartAsync();
        await using var endpoint = await StubTokenEndpoint.StartAsync();
        endpoint.Token = _ => gate.Issuer.Token("worker");
        var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var nobody = ((IPEndPoint)free.LocalEndpoint).ToString();
        free.Stop();
        await using var agent = await Sidecar.StartAsync(gate, endpoint, nobody);
        using var client = new GrpcClient(agent.Server.Address);

        var answer = await client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), null, Cancellation);

        Assert.Equal((GrpcCode.Unavailable, "postern agent: the gate can't be reached"), (answer.Status, answer.Message));
    }

    [Fact]
    public async Task UnixSocket_IsListenedOn_AndRemovedAtTheEnd()
    {
        await using var gate = await Gate.StartAsync();
        await using var endpoint = await StubTokenEndpoint.StartAsync();
        endpoint.Token = _ => gate.Issuer.Token("worker");
        var path = Path.Combine(Path.GetTempPath(), $"postern-{Guid.NewGuid():N}.sock");
        await using (await Sidecar.StartAsync(gate, endpoint, listen: new UnixDomainSocketEndPoint(path)))
        {
            using var http = new HttpClient(new SocketsHttpHandler
            {
                ConnectCallback = async (_, cancellation) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            });
            using var request = new HttpRequestMessage(HttpMethod.Post, "http://localhost" + GrpcClient.WorkflowService + "PollWorkflowTaskQueue")
            {
                Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(GrpcFrame.Of(Requests.Poll())),
            };
            request.Content.Headers.ContentType = new("application/grpc");
            request.Headers.Add("te", "trailers");
            using var response = await http.SendAsync(request, Cancellation);
            await response.Content.ReadAsByteArrayAsync(Cancellation);
            Assert.Equal("0", response.TrailingHeaders.GetValues("grpc-status").Single());
        }

        Assert.False(File.Exists(path));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private sealed class Sidecar(AgentServer server, PosternTokenSource source, SocketsHttpHandler handler) : IAsyncDisposable
    {
        public AgentServer Server => server;

        public static async Task<Sidecar> StartAsync(Gate gate, StubTokenEndpoint endpoint, string? address = null, EndPoint? listen = null)
        {
            var source = new PosternTokenSource(new PosternTokenOptions { Endpoint = endpoint.Url, Grant = PosternGrant.ClientCredentials("ci", "pst_key") });
            var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true };
            var options = new AgentOptions(listen ?? new IPEndPoint(IPAddress.Loopback, 0), new Uri("http://" + (address ?? gate.GrpcAddress)), IsGrpc: true);
            return new Sidecar(await AgentServer.StartAsync(options, source, handler, NullLoggerFactory.Instance, Cancellation), source, handler);
        }

        public async ValueTask DisposeAsync()
        {
            await server.DisposeAsync();
            await source.DisposeAsync();
            handler.Dispose();
        }
    }
}
