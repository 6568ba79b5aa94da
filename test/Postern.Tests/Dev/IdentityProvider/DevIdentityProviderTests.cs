using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Postern.Dev.IdentityProvider;

namespace Postern.Tests.Dev.IdentityProvider;

public sealed partial class DevIdentityProviderTests : IAsyncLifetime
{
    private const string Verifier = "a-verifier-of-at-least-forty-three-characters-0";
    private const string Callback = "http://127.0.0.1:4711/callback";

    private readonly string _folder = Directory.CreateTempSubdirectory("postern-idp-").FullName;
    private readonly HttpClient _http = new(new HttpClientHandler { AllowAutoRedirect = false });
    private readonly MovableTime _time = new();
    private DevIdentityProvider _provider = null!;

    public async ValueTask InitializeAsync() => _provider = await StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _provider.DisposeAsync();
        _http.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Discovery_ReadByAStockClient_NamesEveryEndpoint()
    {
        var document = OpenIdConnectConfiguration.Create(await GetTextAsync("/.well-known/openid-configuration"));

        Assert.Equal(_provider.Issuer, document.Issuer);
        Assert.Equal($"{_provider.Issuer}/authorize", document.AuthorizationEndpoint);
        Assert.Equal($"{_provider.Issuer}/token", document.TokenEndpoint);
        Assert.Equal(["S256"], document.CodeChallengeMethodsSupported);
    }

    [Fact]
    public async Task Login_CodeAndVerifier_GivesTokensThatTheKeySetVerifies()
    {
        var (code, answer) = await LogInAsync("alice@example.com");
        Assert.Equal("xyz/+ &", answer["state"]);
        Assert.Equal(_provider.Issuer, answer["iss"]);

        using var tokens = await RedeemAsync(code);

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
        var (code, _) = await LogInAsync("alice@example.com");
        using var first = await RedeemAsync(code);

        await AssertRefusedAsync(RedeemFields(code), "invalid_grant");
    }

    [Theory]
    [InlineData("code_verifier", "another-verifier-of-at-least-forty-three-chars-0")]
    [InlineData("code_verifier", "")]
    [InlineData("redirect_uri", "http://127.0.0.1:4712/callback")]
    [InlineData("client_id", "somebody-else")]
    public async Task Code_ShownWithAnythingElse_IsRefusedAndSpent(string field, string value)
    {
        var (code, _) = await LogInAsync("alice@example.com");
        var wrong = RedeemFields(code);
        wrong[field] = value;

        await AssertRefusedAsync(wrong, "invalid_grant");
        await AssertRefusedAsync(RedeemFields(code), "invalid_grant");
    }

    [Fact]
    public async Task Code_OlderThanAMinute_IsRefused()
    {
        var (code, _) = await LogInAsync("alice@example.com");
        _time.Now += TimeSpan.FromSeconds(61);

        await AssertRefusedAsync(RedeemFields(code), "invalid_grant");
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
        using var answer = await _http.GetAsync(AuthorizeUrl((parameter, value)), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(answer.Headers.Location);
    }

    [Fact]
    public async Task Authorize_ParameterTwice_ShowsAPageAndRedirectsNowhere()
    {
        using var answer = await _http.GetAsync(AuthorizeUrl() + "&state=again", TestContext.Current.CancellationToken);

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
        using var answer = await _http.GetAsync(AuthorizeUrl((parameter, value)), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        var back = Query(answer.Headers.Location!);
        Assert.Equal(error, back["error"]);
        Assert.Equal("xyz/+ &", back["state"]);
        Assert.Equal(_provider.Issuer, back["iss"]);
        Assert.False(back.ContainsKey("code"));
    }

    [Fact]
    public async Task LoginPage_IsShown_WithAPolicyThatLetsNothingElseIn()
    {
        using var page = await _http.GetAsync(AuthorizeUrl(), TestContext.Current.CancellationToken);

        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("form-action 'self' http://127.0.0.1:4711;", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        var html = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var style = StyleText().Match(html).Groups[1].Value;
        Assert.Contains($"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(style)))}'", policy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoginPage_UserWithMarkupInTheName_ShowsItAsText()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder, "postern-dev.yaml"),
            "users: [{ name: '<script>x</script>', email: '\"><b>@example.com' }]\nclients: [{ id: postern-demo }]\n", TestContext.Current.CancellationToken);

        using var page = await _http.GetAsync(AuthorizeUrl(), TestContext.Current.CancellationToken);

        var html = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain("<script>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("\"><b>@", html, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoginForm_AnsweredTwice_IsRefusedTheSecondTime()
    {
        var login = await OpenLoginAsync();
        using var first = await PostAsync("/login", new() { ["login"] = login, ["user"] = "alice@example.com" });
        using var second = await PostAsync("/login", new() { ["login"] = login, ["user"] = "bob@example.com" });

        Assert.Equal(HttpStatusCode.Found, first.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, second.StatusCode);
    }

    [Fact]
    public async Task LoginForm_WithANameThatNoPageHas_IsRefused()
    {
        using var answer = await PostAsync("/login", new() { ["login"] = new string('A', 43), ["user"] = "alice@example.com" });

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task LoginForm_Cancelled_SendsAccessDenied()
    {
        using var answer = await PostAsync("/login", new() { ["login"] = await OpenLoginAsync(), ["cancel"] = "yes" });

        Assert.Equal("access_denied", Query(answer.Headers.Location!)["error"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClientCredentials_RightSecret_GivesTheAccountsToken(bool basic)
    {
        using var answer = await GrantAsync("report-agent", "report-agent-secret", basic);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(answer.Headers.CacheControl!.NoStore);
        using var body = await JsonAsync(answer);
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
        using var answer = await GrantAsync(id, secret, basic);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("Basic", answer.Headers.WwwAuthenticate.Single().Scheme);
        Assert.Equal("invalid_client", await ErrorAsync(answer));
    }

    [Fact]
    public async Task ClientCredentials_ByHeaderAndForm_AreRefused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_provider.Issuer}/token");
        request.Headers.Authorization = Basic("payments-worker", "payments-worker-secret");
        request.Content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials", ["client_id"] = "payments-worker", ["client_secret"] = "payments-worker-secret",
        });

        using var answer = await _http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal("invalid_request", await ErrorAsync(answer));
    }

    [Fact]
    public async Task AnyRequest_UnderAForeignHostName_IsRefused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, AuthorizeUrl());
        request.Headers.Host = "rebound.example";

        using var answer = await _http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.MisdirectedRequest, answer.StatusCode);
    }

    [Fact]
    public async Task UsersFile_Edited_IsReadAgainAtTheNextToken()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder, "postern-dev.yaml"), "accounts: [{ id: new-worker, secret: its-secret }]\n", TestContext.Current.CancellationToken);

        using var added = await GrantAsync("new-worker", "its-secret", basic: true);
        using var removed = await GrantAsync("payments-worker", "payments-worker-secret", basic: true);

        Assert.Equal(HttpStatusCode.OK, added.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, removed.StatusCode);
    }

    [Fact]
    public async Task UsersFile_Broken_KeepsTheLastGoodOne()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "postern-dev.yaml"), "accounts: [{ idd: x }]\n", TestContext.Current.CancellationToken);

        using var answer = await GrantAsync("payments-worker", "payments-worker-secret", basic: true);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Restart_SameFolder_KeepsTheKey()
    {
        var before = await GetTextAsync("/jwks");
        await _provider.DisposeAsync();
        _provider = await StartAsync();

        Assert.Equal(before, await GetTextAsync("/jwks"));
        Assert.DoesNotContain("\"d\"", before, StringComparison.Ordinal);
    }

    private Task<DevIdentityProvider> StartAsync() =>
        DevIdentityProvider.StartAsync(new DevIdentityProviderOptions { Folder = _folder, Time = _time }, _ => { }, TestContext.Current.CancellationToken);

    private async Task<(string Code, Dictionary<string, string> Answer)> LogInAsync(string user)
    {
        using var answer = await PostAsync("/login", new() { ["login"] = await OpenLoginAsync(), ["user"] = user });
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.StartsWith(Callback + "?", answer.Headers.Location!.OriginalString, StringComparison.Ordinal);
        var query = Query(answer.Headers.Location);
        return (query["code"], query);
    }

    private async Task<string> OpenLoginAsync()
    {
        using var page = await _http.GetAsync(AuthorizeUrl(), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        return LoginField().Match(await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Groups[1].Value;
    }

    private string AuthorizeUrl(params (string Name, string Value)[] changes)
    {
        var parameters = new Dictionary<string, string>
        {
            ["response_type"] = "code",
            ["client_id"] = "postern-demo",
            ["redirect_uri"] = Callback,
            ["scope"] = "openid",
            ["state"] = "xyz/+ &",
            ["nonce"] = "n-0S6",
            ["code_challenge"] = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier))),
            ["code_challenge_method"] = "S256",
        };
        foreach (var (name, value) in changes)
        {
            parameters[name] = value;
        }

        return $"{_provider.Issuer}/authorize?" + string.Join('&', parameters.Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value)}"));
    }

    private static Dictionary<string, string> RedeemFields(string code) => new()
    {
        ["grant_type"] = "authorization_code",
        ["client_id"] = "postern-demo",
        ["code"] = code,
        ["redirect_uri"] = Callback,
        ["code_verifier"] = Verifier,
    };

    private async Task<JsonDocument> RedeemAsync(string code)
    {
        using var answer = await PostAsync("/token", RedeemFields(code));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await JsonAsync(answer);
    }

    private async Task AssertRefusedAsync(Dictionary<string, string> fields, string error)
    {
        using var answer = await PostAsync("/token", fields);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(error, await ErrorAsync(answer));
    }

    private async Task<HttpResponseMessage> GrantAsync(string id, string secret, bool basic)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_provider.Issuer}/token");
        var fields = new Dictionary<string, string> { ["grant_type"] = "client_credentials" };
        if (basic)
        {
            request.Headers.Authorization = Basic(id, secret);
        }
        else
        {
            (fields["client_id"], fields["client_secret"]) = (id, secret);
        }

        request.Content = new FormUrlEncodedContent(fields);
        return await _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private static AuthenticationHeaderValue Basic(string id, string secret) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Uri.EscapeDataString(id)}:{Uri.EscapeDataString(secret)}")));

    private async Task<JsonWebToken> ValidateAsync(string token, string audience)
    {
        var result = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = _provider.Issuer,
            ValidAudience = audience,
            IssuerSigningKeys = new JsonWebKeySet(await GetTextAsync("/jwks")).GetSigningKeys(),
        });
        Assert.True(result.IsValid, result.Exception?.Message);
        return (JsonWebToken)result.SecurityToken;
    }

    private static JsonElement Payload(JsonWebToken token) => JsonDocument.Parse(Base64UrlEncoder.Decode(token.EncodedPayload)).RootElement;

    private Task<HttpResponseMessage> PostAsync(string path, Dictionary<string, string> fields) =>
        _http.PostAsync($"{_provider.Issuer}{path}", new FormUrlEncodedContent(fields), TestContext.Current.CancellationToken);

    private Task<string> GetTextAsync(string path) => _http.GetStringAsync($"{_provider.Issuer}{path}", TestContext.Current.CancellationToken);

    private static async Task<JsonDocument> JsonAsync(HttpResponseMessage answer) =>
        JsonDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));

    private static async Task<string?> ErrorAsync(HttpResponseMessage answer)
    {
        using var body = await JsonAsync(answer);
        return body.RootElement.GetProperty("error").GetString();
    }

    private static Dictionary<string, string> Query(Uri location) =>
        location.Query.TrimStart('?').Split('&').Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => Uri.UnescapeDataString(p[1].Replace('+', ' ')));

    [GeneratedRegex("name=\"login\" value=\"([^\"]+)\"")]
    private static partial Regex LoginField();

    [GeneratedRegex("<style>(.*)</style>", RegexOptions.Singleline)]
    private static partial Regex StyleText();

    private sealed class MovableTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UtcNow;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
