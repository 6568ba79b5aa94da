using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Postern.Dev.IdentityProvider;

namespace Postern.Tests.Dev.IdentityProvider;

public sealed class DevIdentityProviderTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("postern-idp-").FullName;
    private readonly MovableTime _time = new();
    private DevIdentityProvider _provider = null!;
    private LoginBrowser _browser = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await StartAsync();
        _browser = new LoginBrowser(_provider.Issuer);
    }

    public async ValueTask DisposeAsync()
    {
        await _provider.DisposeAsync();
        _browser.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Discovery_ReadByAStockClient_NamesEveryEndpoint()
    {
        var document = OpenIdConnectConfiguration.Create(await _browser.GetTextAsync("/.well-known/openid-configuration"));

        Assert.Equal(_provider.Issuer, document.Issuer);
        Assert.Equal($"{_provider.Issuer}/authorize", document.AuthorizationEndpoint);
        Assert.Equal($"{_provider.Issuer}/token", document.TokenEndpoint);
        Assert.Equal(["S256"], document.CodeChallengeMethodsSupported);
    }

    [Fact]
    public async Task Login_CodeAndVerifier_GivesTokensThatTheKeySetVerifies()
    {
        var (code, answer) = await _browser.LogInAsync("alice@example.com");
        Assert.Equal("xyz/+ &", answer["state"]);
        Assert.Equal(_provider.Issuer, answer["iss"]);

        using var tokens = await _browser.RedeemAsync(code);

        var access = await ValidateAsync(tokens.RootElement.GetProperty("access_token").GetString()!, "postern");
        Assert.Equal("alice@example.com", access.Subject);
        Assert.Equal("at+jwt", access.Typ);
        Assert.Equal("ES256", access.Alg);
        Assert.Equal(["payments"], access.Claims.Where(c => c.Type == "groups").Select(c => c.Value));
        Assert.Equal("[\"payments\"]", Payload(access).GetProperty("groups").GetRawText());
        Assert.Equal(JsonValueKind.True, Payload(access).GetProperty("email_verified").ValueKind);
        Assert.Equal("human", access.GetPayloadValue<string>("kind"));
        Assert.Equal(TimeSpan.FromHours(1), access.ValidTo - access.IssuedAt);
        var id = await ValidateAsync(tokens.RootElement.GetProperty("id_token").GetString()!, "postern-demo");
        Assert.Equal("n-0S6", id.GetPayloadValue<string>("nonce"));
    }

    [Fact]
    public async Task Code_UsedTwice_IsRefusedTheSecondTime()
    {
        var (code, _) = await _browser.LogInAsync("alice@example.com");
        using var first = await _browser.RedeemAsync(code);

        await AssertRefusedAsync(LoginBrowser.RedeemFields(code), "invalid_grant");
    }

    [Theory]
    [InlineData("code_verifier", "another-verifier-of-at-least-forty-three-chars-0")]
    [InlineData("code_verifier", "")]
    [InlineData("redirect_uri", "http://127.0.0.1:4712/callback")]
    [InlineData("client_id", "somebody-else")]
    public async Task Code_ShownWithAnythingElse_IsRefusedAndSpent(string field, string value)
    {
        var (code, _) = await _browser.LogInAsync("alice@example.com");
        var wrong = LoginBrowser.RedeemFields(code);
        wrong[field] = value;

        await AssertRefusedAsync(wrong, "invalid_grant");
        await AssertRefusedAsync(LoginBrowser.RedeemFields(code), "invalid_grant");
    }

    [Fact]
    public async Task Code_OlderThanAMinute_IsRefused()
    {
        var (code, _) = await _browser.LogInAsync("alice@example.com");
        _time.Now += TimeSpan.FromSeconds(61);

        await AssertRefusedAsync(LoginBrowser.RedeemFields(code), "invalid_grant");
    }

    [Theory]
    [InlineData("redirect_uri", "http://evil.example/callback")]
    [InlineData("redirect_uri", "http://127.0.0.1:4711/callback/../elsewhere")]
    [InlineData("redirect_uri", "http://127.0.0.1:4711/callback?x=1")]
    [InlineData("redirect_uri", "http://127.0.0.1:4711/callback#x")]
    [InlineData("redirect_uri", "http://127.0.0.1:4711@evil.example/callback")]
    [InlineData("redirect_uri", "http://user@127.0.0.1:4711/callback")]
    [InlineData("redirect_uri", "http://127.0.0.1.evil.example:4711/callback")]
    [InlineData("redirect_uri", "https://127.0.0.1:4711/callback")]
    [InlineData("redirect_uri", "http://127.0.0.1:4711/Callback")]
    [InlineData("redirect_uri", "http://2130706433:4711/callback")]
    [InlineData("redirect_uri", "")]
    [InlineData("client_id", "unknown")]
    public async Task Authorize_WhereTheAnswerWouldGoToIsInDoubt_ShowsAPageAndRedirectsNowhere(string parameter, string value)
    {
        using var answer = await _browser.GetAsync(_browser.AuthorizeUrl((parameter, value)));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
    }

    [Fact]
    public async Task Authorize_ParameterTwice_ShowsAPageAndRedirectsNowhere()
    {
        using var answer = await _browser.GetAsync(_browser.AuthorizeUrl() + "&state=again");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [InlineData("code_challenge_method", "plain", "invalid_request")]
    [InlineData("code_challenge_method", "", "invalid_request")]
    [InlineData("code_challenge", "", "invalid_request")]
    [InlineData("code_challenge", "too-short", "invalid_request")]
    [InlineData("response_type", "token", "unsupported_response_type")]
    [InlineData("response_mode", "fragment", "invalid_request")]
    [InlineData("prompt", "none", "login_required")]
    public async Task Authorize_AskedForWhatIsNotOffered_SendsTheErrorBack(string parameter, string value, string error)
    {
        using var answer = await _browser.GetAsync(_browser.AuthorizeUrl((parameter, value)));

        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        var back = LoginBrowser.Query(answer.Headers.Location!);
        Assert.Equal(error, back["error"]);
        Assert.Equal("xyz/+ &", back["state"]);
        Assert.Equal(_provider.Issuer, back["iss"]);
        Assert.False(back.ContainsKey("code"));
    }

    [Fact]
    public async Task LoginPage_IsShown_WithAPolicyThatLetsNothingElseIn()
    {
        using var page = await _browser.GetAsync(_browser.AuthorizeUrl());

        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("form-action 'self' http://127.0.0.1:4711;", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        var html = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var style = LoginBrowser.Between(html, "<style>", "</style>");
        Assert.Contains($"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(style)))}'", policy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoginPage_UserWithMarkupInTheName_ShowsItAsText()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder, "postern-dev.yaml"),
            "users: [{ name: '<script>x</script>', email: '\"><b>@example.com' }]\nclients: [{ id: postern-demo }]\n", TestContext.Current.CancellationToken);

        using var page = await _browser.GetAsync(_browser.AuthorizeUrl());

        var html = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain("<script>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("\"><b>@", html, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoginForm_AnsweredTwice_IsRefusedTheSecondTime()
    {
        var login = await _browser.OpenLoginAsync();
        using var first = await _browser.PostAsync("/login", new() { ["login"] = login, ["user"] = "alice@example.com" });
        using var second = await _browser.PostAsync("/login", new() { ["login"] = login, ["user"] = "bob@example.com" });

        Assert.Equal(HttpStatusCode.Found, first.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, second.StatusCode);
    }

    [Fact]
    public async Task LoginForm_WithANameThatNoPageHas_IsRefused()
    {
        using var answer = await _browser.PostAsync("/login", new() { ["login"] = new string('A', 43), ["user"] = "alice@example.com" });

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task LoginForm_Cancelled_SendsAccessDenied()
    {
        using var answer = await _browser.PostAsync("/login", new() { ["login"] = await _browser.OpenLoginAsync(), ["cancel"] = "yes" });

        Assert.Equal("access_denied", LoginBrowser.Query(answer.Headers.Location!)["error"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClientCredentials_RightSecret_GivesTheAccountsToken(bool basic)
    {
        using var answer = await _browser.GrantAsync("report-agent", "report-agent-secret", basic);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(answer.Headers.CacheControl!.NoStore);
        using var body = await LoginBrowser.JsonAsync(answer);
        var token = await ValidateAsync(body.RootElement.GetProperty("access_token").GetString()!, "postern");
        Assert.Equal("report-agent", token.Subject);
        Assert.Equal("agent", token.GetPayloadValue<string>("kind"));
        Assert.False(token.TryGetClaim("email", out _));
    }

    [Theory]
    [InlineData("payments-worker", "wrong", true)]
    [InlineData("payments-worker", "wrong", false)]
    [InlineData("nobody", "payments-worker-secret", true)]
    [InlineData("alice@example.com", "", false)]
    public async Task ClientCredentials_WrongSecretOrAccount_AreRefused(string id, string secret, bool basic)
    {
        using var answer = await _browser.GrantAsync(id, secret, basic);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("Basic", answer.Headers.WwwAuthenticate.Single().Scheme);
        Assert.Equal("invalid_client", await LoginBrowser.ErrorAsync(answer));
    }

    [Fact]
    public async Task ClientCredentials_ByHeaderAndForm_AreRefused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_provider.Issuer}/token");
        request.Headers.Authorization = LoginBrowser.Basic("payments-worker", "payments-worker-secret");
        request.Content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials", ["client_id"] = "payments-worker", ["client_secret"] = "payments-worker-secret",
        });

        using var answer = await _browser.SendAsync(request);

        Assert.Equal("invalid_request", await LoginBrowser.ErrorAsync(answer));
    }

    [Fact]
    public async Task AnyRequest_UnderAForeignHostName_IsRefused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _browser.AuthorizeUrl());
        request.Headers.Host = "rebound.example";

        using var answer = await _browser.SendAsync(request);

        Assert.Equal(HttpStatusCode.MisdirectedRequest, answer.StatusCode);
    }

    [Fact]
    public async Task UsersFile_Edited_IsReadAgainAtTheNextToken()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder, "postern-dev.yaml"), "accounts: [{ id: new-worker, secret: its-secret }]\n", TestContext.Current.CancellationToken);

        using var added = await _browser.GrantAsync("new-worker", "its-secret", basic: true);
        using var removed = await _browser.GrantAsync("payments-worker", "payments-worker-secret", basic: true);

        Assert.Equal(HttpStatusCode.OK, added.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, removed.StatusCode);
    }

    [Fact]
    public async Task UsersFile_Broken_KeepsTheLastGoodOne()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "postern-dev.yaml"), "accounts: [{ idd: x }]\n", TestContext.Current.CancellationToken);

        using var answer = await _browser.GrantAsync("payments-worker", "payments-worker-secret", basic: true);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Restart_SameFolder_KeepsTheKey()
    {
        var before = await _browser.GetTextAsync("/jwks");
        await _provider.DisposeAsync();
        _browser.Dispose();
        await InitializeAsync();

        Assert.Equal(before, await _browser.GetTextAsync("/jwks"));
        Assert.DoesNotContain("\"d\"", before, StringComparison.Ordinal);
    }

    private Task<DevIdentityProvider> StartAsync() =>
        DevIdentityProvider.StartAsync(new DevIdentityProviderOptions { Folder = _folder, Time = _time }, NullLoggerFactory.Instance, TestContext.Current.CancellationToken);

    private async Task AssertRefusedAsync(Dictionary<string, string> fields, string error)
    {
        using var answer = await _browser.PostAsync("/token", fields);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(error, await LoginBrowser.ErrorAsync(answer));
    }

    private async Task<JsonWebToken> ValidateAsync(string token, string audience)
    {
        var result = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = _provider.Issuer,
            ValidAudience = audience,
            IssuerSigningKeys = new JsonWebKeySet(await _browser.GetTextAsync("/jwks")).GetSigningKeys(),
        });
        Assert.True(result.IsValid, result.Exception?.Message);
        return (JsonWebToken)result.SecurityToken;
    }

    private static JsonElement Payload(JsonWebToken token) => JsonDocument.Parse(Base64UrlEncoder.Decode(token.EncodedPayload)).RootElement;

    private sealed class MovableTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = System.GetUtcNow();

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
