using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>
/// An OpenID provider on loopback as far as a gate sees one: discovery and key set. It mints whatever a test asks for, also what no provider would,
/// and it can be down, slow, broken or rotating.
/// </summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    public const string Audience = "postern";

    private readonly ConcurrentQueue<string> _requests = new();
    private WebApplication? _server;
    private int _port;

    private TestIssuer()
    {
        Keys = [Key];
    }

    /// <summary>The key that signs.</summary>
    public TestKey Key { get; private set; } = TestKey.Es256("key-1");

    /// <summary>The keys that the key set shows.</summary>
    public IReadOnlyList<TestKey> Keys { get; set; }

    /// <summary>What the key set's address answers instead of the keys; null: the keys.</summary>
    public Func<HttpContext, Task>? KeySetAnswer { get; set; }

    /// <summary>Changes the discovery document on its way out; null: nothing.</summary>
    public Action<JsonObject>? DiscoveryEdit { get; set; }

    /// <summary>Answers further paths, and says whether it did.</summary>
    public Func<HttpContext, string, Task<bool>>? Further { get; set; }

    /// <summary>Done before anything is answered: a slow provider.</summary>
    public Func<Task>? Before { get; set; }

    public string Url => $"http://127.0.0.1:{_port}";

    /// <summary>Paths asked for so far.</summary>
    public IReadOnlyList<string> Requests => [.. _requests];

    public int KeySetRequests => _requests.Count(path => path == "/keys");

    public static async Task<TestIssuer> StartAsync()
    {
        var issuer = new TestIssuer();
        await issuer.ReturnAsync();
        return issuer;
    }

    /// <summary>A port on which the provider will answer once <see cref="ReturnAsync"/> is called.</summary>
    public static async Task<TestIssuer> DownAsync()
    {
        var issuer = await StartAsync();
        await issuer.GoAwayAsync();
        return issuer;
    }

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

    /// <summary>A new key signs from now on; the set shows it beside the old ones, unless <paramref name="keepOld"/> is false.</summary>
    public TestKey Rotate(bool keepOld = true)
    {
        Key = TestKey.Es256("key-" + Guid.NewGuid().ToString("N")[..8]);
        Keys = keepOld ? [.. Keys, Key] : [Key];
        return Key;
    }

    /// <summary>An ordinary token of a person.</summary>
    public string Token(string subject, params string[] groups) => Mint(claims => claims["groups"] = new JsonArray([.. groups.Select(g => JsonValue.Create(g))]), subject);

    /// <summary>Any token: claims and header are as an ordinary token's until the test changes them.</summary>
    public string Mint(Action<JsonObject>? claims = null, string subject = "alice", Action<JsonObject>? header = null, TestKey? key = null)
    {
        key ??= Key;
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var body = new JsonObject
        {
            ["iss"] = Url,
            ["sub"] = subject,
            ["aud"] = Audience,
            ["iat"] = now,
            ["nbf"] = now,
            ["exp"] = now + 600,
            ["jti"] = Guid.NewGuid().ToString("N"),
        };
        claims?.Invoke(body);
        var head = new JsonObject { ["alg"] = key.Algorithm, ["typ"] = "JWT", ["kid"] = key.Id };
        header?.Invoke(head);
        return key.Sign(head, body);
    }

    public async ValueTask DisposeAsync() => await GoAwayAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        _requests.Enqueue(path);
        if (Before is { } before)
        {
            await before();
        }

        if (path == "/keys" && KeySetAnswer is { } answer)
        {
            await answer(context);
            return;
        }

        if (Further is { } further && await further(context, path))
        {
            return;
        }

        var document = path switch
        {
            "/.well-known/openid-configuration" => new JsonObject { ["issuer"] = Url, ["jwks_uri"] = Url + "/keys", ["token_endpoint"] = Url + "/token", ["authorization_endpoint"] = Url + "/authorize" },
            "/keys" => new JsonObject { ["keys"] = new JsonArray([.. Keys.Select(key => key.Public())]) },
            _ => null,
        };
        if (document is null)
        {
            context.Response.StatusCode = 404;
            return;
        }

        if (path.StartsWith("/.well-known/", StringComparison.Ordinal))
        {
            DiscoveryEdit?.Invoke(document);
        }

        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(document.ToJsonString()), context.RequestAborted);
    }
}
