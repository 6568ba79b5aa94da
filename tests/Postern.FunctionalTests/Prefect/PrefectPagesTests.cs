using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>Prefect's pages in a browser: a login first, then its own API by the session alone; and what ends a session ends what is open with it.</summary>
public sealed class PrefectPagesTests : IAsyncLifetime
{
    private const string Settings =
        """{"api_url":"http://127.0.0.1:4200/api","csrf_enabled":true,"auth":"BASIC","flags":[],"default_ui":"v2","available_uis":["v1","v2"],"v1_base_url":"/","v2_base_url":"/v2"}""";

    private readonly SocketStub _sockets = new();
    private PrefectGate _gate = null!;
    private TestLogins _logins = null!;
    private PagesBrowser _browser = null!;

    public async ValueTask InitializeAsync()
    {
        _gate = await PrefectGate.StartAsync(
            _sockets.Beside(request => request.Message.Start.Contains(" /ui-settings ", StringComparison.Ordinal) ? PrefectAnswer.Json(200, Settings) : PrefectAnswer.Json(200, "[]")),
            setup => setup with
            {
                IdentityExtra = GateAccounts.Configuration, Extra = TokenClient.Configuration, IssuerExtra = $"login: {{ clientId: {TestLogins.ClientId}, clientSecret: {TestLogins.Secret} }}",
            },
            extra: $"ui: {PagesBrowser.Pages}");
        _logins = new TestLogins(_gate.Gate.Issuer);
        _gate.Gate.Issuer.Further = _logins.AnswerAsync;
        _browser = new PagesBrowser(_gate.Gate.GrpcAddress);
    }

    public async ValueTask DisposeAsync()
    {
        _browser.Dispose();
        await _gate.DisposeAsync();
    }

    [Fact]
    public async Task Page_WithoutASession_LeadsToTheLogin_AndBack()
    {
        Assert.Equal((302, PagesBrowser.Pages + "/.postern/login?return=%2Fv2%2Fruns%3Fpage%3D2"), Of(await _browser.GetAsync("/v2/runs?page=2")));

        var page = await _browser.OpenAsync("/v2/runs?page=2");

        Assert.Equal((200, PagesBrowser.Pages + "/v2/runs?page=2"), (page.Status, _browser.Went[^1]));
        var sent = Assert.Single(_gate.Server.Requests).Message;
        Assert.Equal("GET /v2/runs?page=2 HTTP/1.1", sent.Start);
        Assert.DoesNotContain(sent.Headers, header => header.Name.Equals("cookie", StringComparison.OrdinalIgnoreCase) || header.Value.Contains(_browser.Session!, StringComparison.Ordinal));
        Assert.Equal("Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes(PrefectGate.AuthString)), sent.Header("authorization"));
    }

    [Fact]
    public async Task Script_WithoutASession_IsToldWhereToSignIn()
    {
        var answer = await ScriptAsync(HttpMethod.Post, "/api/flow_runs/filter");

        Assert.Equal((401, null), (answer.Status, answer.Location));
        Assert.Matches($"^Your session has ended. Sign in again at {PagesBrowser.Pages}/.postern/login \\[call [0-9A-Z]+\\]$", JsonDocument.Parse(answer.Text).RootElement.GetProperty("detail").GetString());
        Assert.Equal(401, (await ScriptAsync(HttpMethod.Post, "/api/flow_runs/filter", ("authorization", "Basic " + Convert.ToBase64String("admin:pass"u8)))).Status);
        Assert.Equal(401, (await _browser.GetAsync("/api/admin/version", ("accept", "application/json"))).Status);
        Assert.Equal(401, (await _browser.GetAsync("/v2/runs", ("sec-fetch-mode", "cors"))).Status);
        Assert.Empty(_gate.Server.Requests);
    }

    [Fact]
    public async Task Script_WithASession_CallsAsThePerson()
    {
        await _browser.OpenAsync("/v2/");

        Assert.Equal(200, (await ScriptAsync(HttpMethod.Post, "/api/flow_runs/filter")).Status);
        // A password of the time before the gate, which the pages may still keep.
        Assert.Equal(200, (await ScriptAsync(HttpMethod.Post, "/api/flow_runs/filter", ("authorization", "Basic " + Convert.ToBase64String("admin:pass"u8)))).Status);
        Assert.Equal(401, (await ScriptAsync(HttpMethod.Post, "/api/flow_runs/filter", ("authorization", "Bearer " + _gate.Gate.Issuer.Token("root")))).Status);
        Assert.All(_gate.Server.Requests, request => Assert.Equal("Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes(PrefectGate.AuthString)), request.Message.Header("authorization")));
        await Eventually.TrueAsync(() => _gate.Gate.Audit.Records().Any(line => line["caller"] == "test/alice" && line.Text.Contains("\"ses_", StringComparison.Ordinal)), _gate.Gate.Audit.Text);
    }

    [Theory]
    [InlineData("cross-site", "https://evil.example.com")]
    [InlineData("same-site", null)]
    [InlineData(null, "null")]
    [InlineData(null, null)]
    public async Task OtherSite_CanNotCall(string? site, string? origin)
    {
        await _browser.OpenAsync("/v2/");
        var before = _gate.Server.Requests.Count;

        Assert.Equal(403, (await ScriptAsync(HttpMethod.Post, "/api/flow_runs/filter", ("sec-fetch-site", site), ("origin", origin))).Status);
        var socket = await _gate.SendAsync("GET", "/api/events/out", null, null, request =>
        {
            request.Headers.Host = new Uri(PagesBrowser.Pages).Host;
            foreach (var (name, value) in new[] { ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Cookie", $"__Host-postern={_browser.Session}"), ("Sec-Fetch-Site", site), ("Origin", origin) })
            {
                request.Headers.TryAddWithoutValidation(name, value is null ? [] : [value]);
            }
        });
        Assert.Equal(403, socket.Status);
        Assert.Equal(before, _gate.Server.Requests.Count);
    }

    [Fact]
    public async Task Settings_SayWhereThePagesAre_AndThatNoLoginComes()
    {
        await _browser.OpenAsync("/v2/");

        var answer = await ScriptAsync(HttpMethod.Get, "/ui-settings", ("accept-encoding", "gzip"));

        Assert.Equal(Settings.Replace("http://127.0.0.1:4200/api", PagesBrowser.Pages + "/api", StringComparison.Ordinal).Replace("\"BASIC\"", "null", StringComparison.Ordinal), answer.Text);
        Assert.Null(_gate.Server.Requests[^1].Message.Header("accept-encoding"));
    }

    [Fact]
    public async Task Session_CountsAtNoOtherName()
    {
        await _browser.OpenAsync("/v2/");

        var answer = await _gate.SendAsync("POST", "/api/flow_runs/filter", null, "{}", request =>
        {
            request.Headers.TryAddWithoutValidation("Cookie", $"__Host-postern={_browser.Session}; postern={_browser.Session}");
            request.Headers.TryAddWithoutValidation("Origin", $"http://{_gate.Address}");
        });

        Assert.Equal(401, answer.Status);
    }

    [Fact]
    public async Task Logout_IsTheEndOfTheSessionAtOnce()
    {
        await _browser.OpenAsync("/v2/");
        Assert.Equal(200, (await ScriptAsync(HttpMethod.Post, "/api/flow_runs/filter")).Status);
        var cookie = _browser.Session!;

        await _browser.SubmitAsync("/.postern/logout");

        _browser.Session = cookie;
        Assert.Equal(401, (await ScriptAsync(HttpMethod.Post, "/api/flow_runs/filter")).Status);
    }

    [Fact]
    public async Task Socket_OfASession_EndsWithIt()
    {
        await _browser.OpenAsync("/v2/");
        using var client = await SocketAsync();
        await client.AuthAsync(null);
        using var server = await _sockets.LetInAsync();
        Assert.Equal(SocketStub.Success, await client.HearAsync());
        Assert.DoesNotContain("postern", server.Request.Header("cookie") ?? "", StringComparison.Ordinal);

        using var provider = new TokenClient(_gate.Gate.GrpcAddress);
        var token = _gate.Gate.Issuer.Mint(
            claims => (claims["aud"], claims["sid"], claims["events"]) = (TestLogins.ClientId, _logins.Session, new JsonObject { ["http://schemas.openid.net/event/backchannel-logout"] = new JsonObject() }),
            header: header => header["typ"] = "logout+jwt");
        Assert.Equal(200, (await provider.PostAsync("/.postern/backchannel-logout", null, ("logout_token", token))).Status);

        Assert.StartsWith("Close 1008", await client.HearAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Socket_OfASession_NeedsNoSecondCredential()
    {
        await _browser.OpenAsync("/v2/");
        using var client = await SocketAsync();

        await client.AuthAsync("u:" + _gate.Gate.Issuer.Token("root"));

        Assert.StartsWith("Close 1008", await client.HearAsync(), StringComparison.Ordinal);
        Assert.Equal(0, _sockets.Attempts);
    }

    private Task<SocketEnd> SocketAsync() => SocketEnd.CallAsync(
        _gate.Address, "/api/events/in", "prefect", ("Host", new Uri(PagesBrowser.Pages).Host), ("Cookie", $"prefect_ui_version=v2; __Host-postern={_browser.Session}"), ("Origin", PagesBrowser.Pages));

    private static (int, string?) Of(PageAnswer answer) => (answer.Status, answer.Location);

    private Task<PageAnswer> ScriptAsync(HttpMethod method, string path, params (string Name, string? Value)[] headers) => _browser.SendAsync(
        method, path, method == HttpMethod.Get ? null : new StringContent("{}", Encoding.UTF8, "application/json"),
        [("accept", "application/json, text/plain, */*"), ("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin"), ("origin", method == HttpMethod.Get ? null : PagesBrowser.Pages), .. headers]);
}
