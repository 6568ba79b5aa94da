using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Dev.Prefect;

namespace Postern.FunctionalTests.Dev.Prefect;

/// <summary>An embedded Prefect server with an auth string, and a client of it.</summary>
internal sealed class DevPrefectPlace : IAsyncDisposable
{
    public const string AuthString = "admin:pass";

    private readonly DevPrefect _server;

    private DevPrefectPlace(DevPrefect server)
    {
        _server = server;
        Http = new HttpClient { BaseAddress = server.Address };
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(AuthString)));
    }

    public HttpClient Http { get; }

    public static async Task<DevPrefectPlace> StartAsync() =>
        new(await DevPrefect.StartAsync(new DevPrefectOptions { Port = 0, AuthString = AuthString }, NullLoggerFactory.Instance, TestContext.Current.CancellationToken));

    public async Task<JsonNode?> PostAsync(string path, string body)
    {
        using var response = await Http.PostAsync(new Uri(path, UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, $"{path} {body}: {text}");
        return JsonNode.Parse(text);
    }

    /// <summary>A flow of a name, a deployment of it with a tag.</summary>
    public async Task<(string Flow, string Deployment)> DeployAsync(string flow, string deployment, string tag, string? pool = null)
    {
        var flowId = (await PostAsync("/api/flows/", $$"""{"name":"{{flow}}"}"""))!["id"]!.ToString();
        var row = await PostAsync("/api/deployments/", new JsonObject { ["name"] = deployment, ["flow_id"] = flowId, ["tags"] = new JsonArray(tag), ["work_pool_name"] = pool }.ToJsonString());
        return (flowId, row!["id"]!.ToString());
    }

    /// <summary>A socket as Prefect's clients open it, its first frame sent.</summary>
    public async Task<ClientWebSocket> OpenAsync(string path, string? token = AuthString)
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("prefect");
        socket.Options.DangerousDeflateOptions = new WebSocketDeflateOptions();
        await socket.ConnectAsync(new Uri($"ws://{_server.Address.Authority}{path}"), TestContext.Current.CancellationToken);
        await SayAsync(socket, new JsonObject { ["type"] = "auth", ["token"] = token }.ToJsonString());
        return socket;
    }

    public static Task SayAsync(WebSocket socket, string text) => socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, TestContext.Current.CancellationToken);

    public static async Task<JsonNode> HearAsync(WebSocket socket)
    {
        var buffer = new byte[256 * 1024];
        var length = 0;
        while (true)
        {
            var got = await socket.ReceiveAsync(buffer.AsMemory(length), TestContext.Current.CancellationToken);
            Assert.True(got.MessageType == WebSocketMessageType.Text, $"closed: {socket.CloseStatus} {socket.CloseStatusDescription}");
            length += got.Count;
            if (got.EndOfMessage)
            {
                return JsonNode.Parse(buffer.AsSpan(0, length))!;
            }
        }
    }

    public static async Task<(WebSocketCloseStatus? Status, string? Reason)> HearCloseAsync(WebSocket socket)
    {
        var got = await socket.ReceiveAsync(new byte[1024].AsMemory(), TestContext.Current.CancellationToken);
        Assert.Equal(WebSocketMessageType.Close, got.MessageType);
        return (socket.CloseStatus, socket.CloseStatusDescription);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _server.DisposeAsync();
    }
}
