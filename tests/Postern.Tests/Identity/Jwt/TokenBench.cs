using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Jwt;
using Postern.Model;
using Postern.Tests.Audit;

namespace Postern.Tests.Identity.Jwt;

/// <summary>A source over one key set file, with a clock that stands still; it mints what a test asks for.</summary>
internal sealed class TokenBench : IAsyncDisposable
{
    public const string Issuer = "https://issuer.example";

    private readonly string _folder = Directory.CreateTempSubdirectory("postern-").FullName;
    private readonly JsonArray _keys;
    private IdentitySources? _source;

    public TokenBench(params JsonObject[] keys)
    {
        _keys = [.. keys.Length > 0 ? keys : [Key.Public()]];
        Options = new IssuerOptions { Name = "okta", Issuer = Issuer, Audiences = ["postern", "other-of-ours"], KeySet = Path.Combine(_folder, "keys.json") };
        WriteKeys(_keys);
    }

    public ManualTime Time { get; } = new();

    public TestKey Key { get; } = TestKey.Es256("key-1");

    public IssuerOptions Options { get; set; }

    public IdentitySources Source => _source ??= new IdentitySources([new JwtIdentitySource(new IdentityOptions { Issuers = [Options] }, null, null, Time, NullLogger.Instance)], null, Time);

    public long Now => Time.GetUtcNow().ToUnixTimeSeconds();

    public void WriteKeys(JsonArray keys) => File.WriteAllText(Path.Combine(_folder, "keys.json"), new JsonObject { ["keys"] = keys.DeepClone() }.ToJsonString());

    public string Mint(Action<JsonObject>? claims = null, Action<JsonObject>? header = null, TestKey? key = null)
    {
        key ??= Key;
        var body = Claims();
        claims?.Invoke(body);
        var head = new JsonObject { ["alg"] = key.Algorithm, ["typ"] = "JWT", ["kid"] = key.Id };
        header?.Invoke(head);
        return key.Sign(head, body);
    }

    public JsonObject Claims() => new()
    {
        ["iss"] = Issuer,
        ["sub"] = "alice",
        ["aud"] = "postern",
        ["iat"] = Now,
        ["exp"] = Now + 3600,
    };

    public async Task<AuthenticationResult> SendAsync(StringValues authorization, IPAddress? from = null)
    {
        await Source.FirstFetch;
        return await Source.AuthenticateAsync(authorization, from, TestContext.Current.CancellationToken);
    }

    public Task<AuthenticationResult> AskAsync(string token, IPAddress? from = null) => SendAsync("Bearer " + token, from);

    public async Task<Caller> CallerAsync(string token)
    {
        var (verified, refusal) = await AskAsync(token);
        Assert.True(verified is not null, refusal?.Text);
        return verified.Caller;
    }

    public async Task<Refusal> RefusalAsync(string token)
    {
        var (verified, refusal) = await AskAsync(token);
        Assert.Null(verified);
        return refusal!;
    }

    public async ValueTask DisposeAsync()
    {
        if (_source is { } source)
        {
            await source.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }
}
