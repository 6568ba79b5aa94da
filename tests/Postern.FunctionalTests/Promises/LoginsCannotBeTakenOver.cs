using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.WebUtilities;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// A login ends where it began: in the browser that began it, at a program on that machine which can prove that it asked; for a device only after who logged in was shown
/// what asks and said yes. What an identity provider says counts only for the login that it was asked about.
/// </summary>
public sealed class LoginsCannotBeTakenOver : IAsyncLifetime
{
    private const string Client = "postern-cli";
    private const string Redirect = "http://127.0.0.1:5000/callback";
    private const string Device = "urn:ietf:params:oauth:grant-type:device_code";
    private const string Policy = """
        bindings:
          - { who: ["group:test/payments"], role: developer, where: { temporal: payments } }
        """;

    private readonly string _verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    private Gate _gate = null!;
    private TokenClient _client = null!;
    private Browser _browser = null!;
    private TestLogins _logins = null!;

    public async ValueTask InitializeAsync()
    {
        _gate = await Gate.StartAsync(new GateSetup
        {
            PolicyText = Policy, IdentityExtra = GateAccounts.Configuration, Extra = TokenClient.Configuration,
            IssuerExtra = $"login: {{ clientId: {TestLogins.ClientId}, clientSecret: {TestLogins.Secret} }}",
        });
        _logins = new TestLogins(_gate.Issuer);
        _gate.Issuer.Further = _logins.AnswerAsync;
        _client = new TokenClient(_gate.GrpcAddress);
        _browser = new Browser(_client);
    }

    public async ValueTask DisposeAsync()
    {
        _browser.Dispose();
        _client.Dispose();
        await _gate.DisposeAsync();
    }

    [Fact]
    public async Task Login_LeadsToTheProgramThatAsked_AndToASession()
    {
        var sent = await _browser.GoAsync(Authorize(("state", "s 1"), ("scope", "openid offline_access")));

        Assert.True(sent.Status == 302, sent.Text);
        Assert.Equal(("s 1", TokenClient.Issuer), (Browser.Parameter(sent.Location, "state"), Browser.Parameter(sent.Location, "iss")));
        var answer = await RedeemAsync(Browser.Parameter(sent.Location, "code")!);
        Assert.True(answer.Status == 200, answer.Text);
        Assert.Equal("test/alice", new SignedToken(answer.AccessToken).Subject);
        Assert.Equal(0, await StartAsync(answer.AccessToken));
        var fresh = await _client.PostAsync("/oauth/token", (Client, ""), ("grant_type", "refresh_token"), ("refresh_token", answer["refresh_token"]!));
        Assert.Equal(0, await StartAsync(fresh.AccessToken));
        Assert.DoesNotContain(_gate.Logs.Lines, line => line.ToString().Contains(TestLogins.Secret, StringComparison.Ordinal) || line.ToString().Contains(answer["refresh_token"]!, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Code_IsGoodOnce_ForWhoProvesThatHeAsked()
    {
        var code = Browser.Parameter((await _browser.GoAsync(Authorize())).Location, "code")!;

        Assert.Equal("invalid_grant", (await RedeemAsync(code, verifier: Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)))).Error);
        Assert.Equal("invalid_grant", (await RedeemAsync(code, redirect: "http://127.0.0.1:5001/callback")).Error);
        Assert.Equal("invalid_grant", (await RedeemAsync(code, client: "other")).Error);
        Assert.Equal("invalid_grant", (await RedeemAsync(code + "x")).Error);
        var answer = await RedeemAsync(code);
        Assert.Equal(0, await StartAsync(answer.AccessToken));

        Assert.Equal("invalid_grant", (await RedeemAsync(code)).Error);
        Assert.Equal(GrpcCode.Unauthenticated, await StartAsync(answer.AccessToken));
        Assert.Equal("invalid_grant", (await _client.TokenAsync(("grant_type", "refresh_token"), ("client_id", Client), ("refresh_token", answer["refresh_token"]!))).Error);
    }

    [Theory]
    [InlineData("https://evil.example.com/callback")]
    [InlineData("http://127.0.0.1.evil.example.com:80/callback")]
    [InlineData("http://127.0.0.1:5000@evil.example.com/callback")]
    [InlineData("http://localhost:5000/callback")]
    [InlineData("http://10.0.0.1:5000/callback")]
    [InlineData("https://127.0.0.1:5000/callback")]
    [InlineData("javascript:alert(1)")]
    [InlineData("http://127.0.0.1:5000/#x")]
    [InlineData("//evil.example.com")]
    [InlineData("")]
    public async Task ProgramElsewhere_GetsNothing(string redirect)
    {
        var answer = await _browser.GetAsync(Authorize(("redirect_uri", redirect)));

        Assert.Equal((400, null), (answer.Status, answer.Location));
    }

    [Fact]
    public async Task RequestWithoutPkceByS256_OrWithAScopeThatIsNone_GoesBackAtOnce()
    {
        foreach (var (name, value, error) in new[]
        {
            ("code_challenge", "", "invalid_request"), ("code_challenge_method", "plain", "invalid_request"), ("response_type", "token", "unsupported_response_type"), ("scope", "admin", "invalid_scope"),
        })
        {
            var answer = await _browser.GetAsync(Authorize((name, value), ("state", "s")));
            Assert.StartsWith(Redirect, answer.Location, StringComparison.Ordinal);
            Assert.Equal((error, "s"), (Browser.Parameter(answer.Location, "error"), Browser.Parameter(answer.Location, "state")));
        }

        Assert.Equal(400, (await _browser.GetAsync(Authorize(("client_id", "other")))).Status);
    }

    [Fact]
    public async Task AnswerOfTheProvider_CountsOnlyInTheBrowserThatBegan()
    {
        var provider = await _browser.GetAsync((await _browser.GetAsync(Authorize())).Location!);
        using var other = new Browser(_client);
        await other.GetAsync(Authorize());

        Assert.Equal(400, (await other.GetAsync(provider.Location!)).Status);
        using var without = new Browser(_client);
        Assert.Equal(400, (await without.GetAsync(provider.Location!)).Status);
        Assert.Equal(400, (await _browser.GetAsync(QueryHelpers.AddQueryString("/oauth/callback", new Dictionary<string, string?> { ["code"] = "x", ["state"] = "made-up" }))).Status);
        Assert.Equal(400, (await _browser.GetAsync(provider.Location! + "&iss=https%3A%2F%2Fevil.example.com")).Status);
        Assert.Equal(302, (await _browser.GetAsync(provider.Location!)).Status);
    }

    public static TheoryData<string> BadIdTokens() => ["nonce", "no nonce", "audience", "several audiences", "other party", "type", "expired", "key", "none", "issuer", "refuses"];

    [Theory]
    [MemberData(nameof(BadIdTokens))]
    public async Task IdTokenThatIsNotOfThisLogin_IsNoLogin(string what)
    {
        (string Name, JsonNode? Value)? change = what switch
        {
            "nonce" => ("nonce", "of-another-login"),
            "no nonce" => ("nonce", null),
            "audience" => ("aud", TestIssuer.Audience),
            "several audiences" => ("aud", new JsonArray(TestLogins.ClientId, "other")),
            "other party" => ("azp", "other"),
            "expired" => ("exp", DateTimeOffset.UtcNow.AddHours(-1).ToUnixTimeSeconds()),
            "issuer" => ("iss", "https://elsewhere.example.com"),
            _ => null,
        };
        _logins.Claims = claims =>
        {
            if (change is { } one)
            {
                claims[one.Name] = one.Value;
            }
        };
        _logins.Header = header => header["typ"] = what == "type" ? "at+jwt" : "JWT";
        _logins.Key = what switch { "key" => TestKey.Es256("key-1"), "none" => TestKey.None("key-1"), _ => null };
        _logins.Refuses = what == "refuses";

        var answer = await _browser.GoAsync(Authorize());

        Assert.Equal((302, "access_denied", null), (answer.Status, Browser.Parameter(answer.Location, "error"), Browser.Parameter(answer.Location, "code")));
        if (what != "refuses")
        {
            await Eventually.TrueAsync(() => _gate.Audit.Records().Any(record => record["operation"] == "oauth.callback" && record["decision"] == "deny"));
        }
    }

    [Fact]
    public async Task Device_IsSignedIn_OnceItsUserSaidYes()
    {
        var begun = await _client.PostAsync("/oauth/device_authorization", null, ("client_id", Client));
        Assert.True(begun.Status == 200, begun.Text);
        Assert.Equal("authorization_pending", (await PollAsync(begun)).Error);
        var page = await _browser.GoAsync(begun["verification_uri_complete"]!);
        Assert.Contains(begun["user_code"]!, page.Text, StringComparison.Ordinal);
        Assert.Contains("test/alice", page.Text, StringComparison.Ordinal);
        Assert.Equal("slow_down", (await PollAsync(begun)).Error);
        using var other = new Browser(_client);
        Assert.Equal(400, (await other.PressAsync(page.Text, "allow")).Status);

        Assert.Equal(200, (await _browser.PressAsync(page.Text, "allow")).Status);

        Assert.Equal("invalid_grant", (await PollAsync(begun, "other")).Error);
        var answer = await PollAsync(begun);
        Assert.True(answer.Status == 200, answer.Text);
        Assert.Equal(0, await StartAsync(answer.AccessToken));
        Assert.NotNull(answer["refresh_token"]);
        Assert.Equal("expired_token", (await PollAsync(begun)).Error);
        Assert.Equal(400, (await _browser.PressAsync(page.Text, "allow")).Status);
    }

    [Fact]
    public async Task Device_GetsNothing_WhereItsUserSaidNo()
    {
        var begun = await _client.PostAsync("/oauth/device_authorization", null, ("client_id", Client));
        Assert.Contains("user_code", (await _browser.GetAsync("/oauth/device")).Text, StringComparison.Ordinal);
        Assert.Equal(400, (await _browser.GetAsync("/oauth/device?user_code=BBBB-BBBB")).Status);
        var page = await _browser.GoAsync("/oauth/device?user_code=" + begun["user_code"]!.ToLowerInvariant().Replace("-", ""));

        await _browser.PressAsync(page.Text, "deny");

        Assert.Equal("access_denied", (await PollAsync(begun)).Error);
        Assert.Equal("invalid_client", (await _client.PostAsync("/oauth/device_authorization", null, ("client_id", "other"))).Error);
    }

    [Fact]
    public async Task ProviderThatIsAway_IsNoNo()
    {
        await _gate.Issuer.GoAwayAsync();

        var answer = await _browser.GetAsync(Authorize());

        Assert.Equal(503, answer.Status);
        await _gate.Issuer.ReturnAsync();
    }

    [Fact]
    public async Task Discovery_NamesTheLogin()
    {
        var answer = await _client.GetAsync("/.well-known/oauth-authorization-server");

        Assert.Equal((TokenClient.Issuer + "/oauth/authorize", TokenClient.Issuer + "/oauth/device_authorization"), (answer["authorization_endpoint"], answer["device_authorization_endpoint"]));
        Assert.Equal(["S256"], answer.Body.GetProperty("code_challenge_methods_supported").EnumerateArray().Select(one => one.GetString()!));
    }

    private string Authorize(params (string Name, string Value)[] change)
    {
        var query = new Dictionary<string, string?>
        {
            ["response_type"] = "code", ["client_id"] = Client, ["redirect_uri"] = Redirect, ["code_challenge_method"] = "S256",
            ["code_challenge"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(_verifier))),
        };
        foreach (var (name, value) in change)
        {
            query[name] = value;
        }

        return QueryHelpers.AddQueryString("/oauth/authorize", query);
    }

    private Task<TokenAnswer> RedeemAsync(string code, string? verifier = null, string redirect = Redirect, string client = Client) => _client.TokenAsync(
        ("grant_type", "authorization_code"), ("client_id", client), ("code", code), ("redirect_uri", redirect), ("code_verifier", verifier ?? _verifier));

    private Task<TokenAnswer> PollAsync(TokenAnswer begun, string client = Client) => _client.TokenAsync(("grant_type", Device), ("client_id", client), ("device_code", begun["device_code"]!));

    private async Task<int> StartAsync(string token) =>
        (await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status;
}
