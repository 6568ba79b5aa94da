using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Postern.Tests.Identity.Introspection;

/// <summary>An introspection endpoint on loopback that knows the tokens that a test gives it; it can be down, slow, or talk nonsense.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, JsonObject> _tokens = new();
    private readonly ConcurrentQueue<(string Authorization, string Token)> _asked = new();
    private WebApplication? _server;
    private int _port;

    public string Url => $"http://127.0.0.1:{_port}/introspect";

    /// <summary>Answers instead; null: what it knows.</summary>
    public Func<HttpContext, Task>? Answer { get; set; }

    /// <summary>Done before anything is answered: a slow server.</summary>
    public Func<Task>? Before { get; set; }

    public IReadOnlyList<(string Authorization, string Token)> Asked => [.. _asked];

    public static async Task<TestServer> StartAsync()
    {
        var server = new TestServer();
        await server.ReturnAsync();
        return server;
    }

    /// <summary>Makes a token active.</summary>
    public void Know(string token, Action<JsonObject>? with = null)
    {
        var claims = new JsonObject { ["active"] = true, ["sub"] = "alice", ["token_type"] = "Bearer" };
        with?.Invoke(claims);
        _tokens[token] = claims;
    }

    public void Forget(string token) => _tokens.TryRemove(token, out _);

    public async Task GoAwayAsync()
    {
        if (_server is { } server)
        {
            _server = null;
            using var now = new CancellationTokenSource();
            await now.CancelAsync();
            await server.StopAsync(now.Token);
            await server.DisposeAsync();
        }
    }

    public async Task ReturnAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, _port));
        var server = builder.Build();
        server.Run(AnswerAsync);
        await server.StartAsync();
        _port = new Uri(server.Urls.Single()).Port;
        _server = server;
    }

    public async ValueTask DisposeAsync() => await GoAwayAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        var token = form["token"].ToString();
        _asked.Enqueue((context.Request.Headers.Authorization.ToString(), token));
        if (Before is { } before)
        {
            await before();
        }

        if (Answer is { } answer)
        {
            await answer(context);
            return;
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync((_tokens.TryGetValue(token, out var claims) ? claims : new JsonObject { ["active"] = false }).ToJsonString(), context.RequestAborted);
    }
}
