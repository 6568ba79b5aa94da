using System.Text.Json.Nodes;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// A session at an engine's pages is of the browser that logged in, at that host only, until its logout, its revocation, its issuer's word or its age; on every gate. No other site can
/// begin one, choose its cookie, use it or end it.
/// </summary>
public sealed class BrowserSessionsAreTheirOwn : IAsyncLifetime
{
    private const string Cookie = "__Host-postern";
    private const string Policy = """
        bindings:
          - { who: ["group:test/payments"], role: developer, where: { temporal: payments } }
          - { who: ["user:root"], role: admin, scope: cluster }
        """;

    private Gate _gate = null!;
    private TestLogins _logins = null!;
    private PagesBrowser _browser = null!;

    public async ValueTask InitializeAsync()
    {
        _gate = await Gate.StartAsync(new GateSetup
        {
            PolicyText = Policy, IdentityExtra = GateAccounts.Configuration, Extra = TokenClient.Configuration, OtherEngines = PagesBrowser.Engines,
            IssuerExtra = $"login: {{ clientId: {TestLogins.ClientId}, clientSecret: {TestLogins.Secret} }}",
        });
        _logins = new TestLogins(_gate.Issuer);
        _gate.Issuer.Further = _logins.AnswerAsync;
        _gate.Issuer.DiscoveryEdit = document => document["end_session_endpoint"] = _gate.Issuer.Url + "/logout";
        _browser = new PagesBrowser(_gate.GrpcAddress);
    }

    public async ValueTask DisposeAsync()
    {
        _browser.Dispose();
        await _gate.DisposeAsync();
    }

    [Fact]
    public async Task Login_LeadsThroughTheProvider_AndBackToThePage()
    {
        var page = await _browser.OpenAsync("/.postern/login?return=%2F.postern%2F");

        Assert.Equal((200, PagesBrowser.Pages + "/.postern/"), (page.Status, _browser.Went[^1]));
        Assert.Contains("test/alice", page.Text, StringComparison.Ordinal);
        Assert.Contains("developer", page.Text, StringComparison.Ordinal);
        Assert.Contains(_browser.Went, address => address.StartsWith(_gate.Issuer.Url + "/authorize", StringComparison.Ordinal));
        Assert.Contains("default-src 'none'", page.Header("content-security-policy")!, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page.Text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(_gate.Logs.Lines, line => line.ToString().Contains(_browser.Session!, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Cookie_IsRandom_OfThisHostAlone_AndNoScripts()
    {
        var callback = await CallbackAsync(_browser);
        var answer = await _browser.GetAsync(callback);

        var set = Assert.Single(answer.SetCookies);
        Assert.Matches("^__Host-postern=[0-9A-Za-z_-]+; Path=/; Secure; HttpOnly; SameSite=Lax$", set);
        Assert.Equal((302, PagesBrowser.Pages + "/", "no-store"), (answer.Status, answer.Location, answer.Header("cache-control")));
        // Nothing of it stands in the store, and nothing in it says whose it is.
        foreach (var file in Directory.GetFiles(Path.Combine(_gate.Folder, "data"), "postern.db*"))
        {
            Assert.DoesNotContain(_browser.Session!, System.Text.Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken)), StringComparison.Ordinal);
        }

        Assert.DoesNotContain("alice", _browser.Session, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_IsFinishedOnlyInTheBrowserThatBegan_AndOnce()
    {
        var callback = await CallbackAsync(_browser);
        using var other = new PagesBrowser(_gate.GrpcAddress);
        await other.GetAsync("/.postern/login");

        Assert.Equal((400, null), Outcome(await other.GetAsync(callback), other));
        Assert.Equal((400, null), Outcome(await _browser.GetAsync(callback.Replace("state=", "state=A", StringComparison.Ordinal)), _browser));
        Assert.Equal((400, null), Outcome(await _browser.GetAsync(callback.Replace("iss=", "iss=x", StringComparison.Ordinal)), _browser));
        Assert.Equal(302, (await _browser.GetAsync(callback)).Status);
        var first = _browser.Session;
        Assert.Equal(400, (await _browser.GetAsync(callback)).Status);
        Assert.Equal(first, _browser.Session);
    }

    [Fact]
    public async Task Code_MakesASessionAndNeverAToken()
    {
        var code = PagesBrowser.Parameter(await CallbackAsync(_browser), "code")!;
        using var client = new TokenClient(_gate.GrpcAddress);

        foreach (var id in new[] { "postern-pages", "postern-cli" })
        {
            var answer = await client.TokenAsync(
                ("grant_type", "authorization_code"), ("client_id", id), ("code", code), ("redirect_uri", PagesBrowser.Pages + "/.postern/callback"), ("code_verifier", new string('a', 43)));
            Assert.True(answer.Status is 400 or 401, answer.Text);
        }
    }

    [Theory]
    [InlineData("https://evil.example.com/.postern/callback")]
    [InlineData("https://prefect.test/.postern/callback/x")]
    [InlineData("https://prefect.test.evil.example.com/.postern/callback")]
    [InlineData("http://127.0.0.1:5000/callback")]
    public async Task CodeOfThePages_GoesNowhereElse(string redirect)
    {
        var sent = (await _browser.GetAsync("/.postern/login")).Location!;
        var own = Uri.EscapeDataString(PagesBrowser.Pages + "/.postern/callback");
        Assert.Contains(own, sent, StringComparison.Ordinal);

        var answer = await _browser.GetAsync(sent.Replace(own, Uri.EscapeDataString(redirect), StringComparison.Ordinal));

        Assert.Equal((400, null), (answer.Status, answer.Location));
    }

    [Theory]
    [InlineData("//evil.example.com/")]
    [InlineData("https://evil.example.com/")]
    [InlineData("/\\evil.example.com/")]
    [InlineData("javascript:alert(1)")]
    [InlineData("/.postern/logout")]
    [InlineData("/\r\nset-cookie: a=b")]
    public async Task WayBack_IsAPathOfTheSameHost(string back)
    {
        await _browser.GetAsync("/favicon.ico");
        var sent = await _browser.GetAsync("/.postern/login?return=" + Uri.EscapeDataString(back));
        var provider = await _browser.GetAsync(sent.Location!);
        var callback = await _browser.GetAsync(provider.Location!);
        var pages = await _browser.GetAsync(callback.Location!);

        Assert.Equal((302, PagesBrowser.Pages + "/"), ((await _browser.GetAsync(pages.Location!)).Status, (await _browser.GetAsync("/.postern/login?return=" + Uri.EscapeDataString(back))).Location));
    }

    [Fact]
    public async Task CookieThatAStrangerChose_IsNotTaken_AndALoginGivesANewOne()
    {
        using var attacker = new PagesBrowser(_gate.GrpcAddress);
        await attacker.OpenAsync("/.postern/login?return=%2F.postern%2F");
        foreach (var planted in new[] { "made-up", new string('a', 300), "", attacker.Session![..^1] + (attacker.Session.EndsWith('A') ? 'E' : 'A') })
        {
            _browser.Session = planted;
            await _browser.GetAsync(await CallbackAsync(_browser));
            Assert.NotEqual(planted, _browser.Session);
            Assert.Contains("test/alice", (await _browser.GetAsync("/.postern/")).Text, StringComparison.Ordinal);
        }

        // Of two nobody knows which is whose.
        var two = $"{Cookie}={attacker.Session}; {Cookie}={_browser.Session}";
        Assert.DoesNotContain("alice", (await _browser.GetAsync("/.postern/", ("cookie", two))).Text, StringComparison.Ordinal);
        Assert.DoesNotContain("alice", (await _browser.GetAsync("/.postern/", ("cookie", $"{Cookie}={_browser.Session}; x={new string('y', 17_000)}"))).Text, StringComparison.Ordinal);
        Assert.DoesNotContain("alice", (await _browser.GetAsync("/.postern/", ("cookie", $"postern={_browser.Session}"))).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logout_EndsTheSession_HereAndAtTheProvider()
    {
        await _browser.OpenAsync("/.postern/login?return=%2F.postern%2F");
        var cookie = _browser.Session!;
        Assert.Contains("<form method=\"post\" action=\"/.postern/logout\">", (await _browser.GetAsync("/.postern/logout")).Text, StringComparison.Ordinal);

        var left = await _browser.SubmitAsync("/.postern/logout");

        Assert.Equal((200, null), (left.Status, _browser.Session));
        Assert.StartsWith($"0;url={_gate.Issuer.Url}/logout?client_id={TestLogins.ClientId}&post_logout_redirect_uri={Uri.EscapeDataString(PagesBrowser.Pages + "/.postern/")}", left.Header("refresh"), StringComparison.Ordinal);
        _browser.Session = cookie;
        Assert.Contains("Not signed in", (await _browser.GetAsync("/.postern/")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cross-site", "https://evil.example.com")]
    [InlineData("same-site", "https://other.test")]
    [InlineData("none", null)]
    [InlineData(null, "null")]
    [InlineData(null, "https://evil.example.com")]
    [InlineData(null, "http://prefect.test")]
    [InlineData("same-origin", "https://evil.example.com")]
    [InlineData("cross-site", "https://prefect.test")]
    [InlineData(null, null)]
    public async Task OtherSite_CanNotUseTheSession(string? site, string? origin)
    {
        await _browser.OpenAsync("/.postern/login?return=%2F.postern%2F");

        var answer = await _browser.SubmitAsync("/.postern/logout", ("sec-fetch-site", site), ("origin", origin));

        Assert.Equal(403, answer.Status);
        Assert.Empty(answer.SetCookies);
        Assert.Contains("test/alice", (await _browser.GetAsync("/.postern/")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FormOfAnotherSite_SignsNobodyOut()
    {
        await _browser.OpenAsync("/.postern/login?return=%2F.postern%2F");

        // A browser leaves a Lax cookie out of it.
        var answer = await _browser.SubmitAsync("/.postern/logout", ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example.com"), ("cookie", null));

        Assert.Empty(answer.SetCookies);
        Assert.Contains("test/alice", (await _browser.GetAsync("/.postern/")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Provider_EndsItsOwnSession_AndAllOfAPerson()
    {
        await _browser.OpenAsync("/.postern/login?return=%2F.postern%2F");
        using var other = new PagesBrowser(_gate.GrpcAddress);
        _logins.Session = "another-session";
        await other.OpenAsync("/.postern/login?return=%2F.postern%2F");

        var token = LogoutToken(claims => claims["sid"] = "session-at-the-provider");
        Assert.Equal(200, await LogoutAsync(token));

        Assert.Contains("Not signed in", (await _browser.GetAsync("/.postern/")).Text, StringComparison.Ordinal);
        Assert.Contains("test/alice", (await other.GetAsync("/.postern/")).Text, StringComparison.Ordinal);
        Assert.Equal(400, await LogoutAsync(token));
        Assert.Equal(200, await LogoutAsync(LogoutToken(claims => claims["sub"] = "bob")));
        Assert.Contains("test/alice", (await other.GetAsync("/.postern/")).Text, StringComparison.Ordinal);
        Assert.Equal(200, await LogoutAsync(LogoutToken()));
        Assert.Contains("Not signed in", (await other.GetAsync("/.postern/")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LocalUser_HasASession_UntilHeIsDisabled()
    {
        const string Password = "correct horse battery staple";
        using var root = new ManagementApiClient(_gate, _gate.Issuer.Token("root"));
        (await root.PostAsync("/v1/users", $$"""{"name":"lena","groups":[],"password":"{{Password}}"}""")).Is(201);
        var page = await _browser.OpenAsync("/.postern/login?return=%2F.postern%2F");
        Assert.Contains($"form-action 'self' {PagesBrowser.Pages};", page.Header("content-security-policy")!, StringComparison.Ordinal);

        var sent = await _browser.SendAsync(HttpMethod.Post, TokenClient.Issuer + "/oauth/login", new FormUrlEncodedContent(
            [KeyValuePair.Create("login", Browser.LoginOf(page.Text)), KeyValuePair.Create("username", "lena"), KeyValuePair.Create("password", Password)]));
        Assert.Contains("postern/lena", (await _browser.OpenAsync(sent.Location!)).Text, StringComparison.Ordinal);

        (await root.PutAsync("/v1/users/lena", """{"disabled":true}""")).Is(200);
        Assert.Contains("Not signed in", (await _browser.GetAsync("/.postern/")).Text, StringComparison.Ordinal);
    }

    public static TheoryData<string> BadLogoutTokens() => ["nonce", "no event", "event is text", "nobody", "no jti", "no iat", "audience", "expired", "key", "none", "issuer", "type", "garbage", "id token"];

    [Theory]
    [MemberData(nameof(BadLogoutTokens))]
    public async Task WhatIsNoLogoutToken_EndsNothing(string what)
    {
        await _browser.OpenAsync("/.postern/login?return=%2F.postern%2F");
        var token = what switch
        {
            "garbage" => "a.b.c",
            "id token" => _gate.Issuer.Mint(claims => claims["aud"] = TestLogins.ClientId),
            _ => LogoutToken(
                claims =>
                {
                    switch (what)
                    {
                        case "nonce": claims["nonce"] = "x"; break;
                        case "no event": claims["events"] = new JsonObject { ["http://schemas.openid.net/event/other"] = new JsonObject() }; break;
                        case "event is text": claims["events"] = new JsonObject { ["http://schemas.openid.net/event/backchannel-logout"] = "yes" }; break;
                        case "nobody": claims.Remove("sub"); break;
                        case "no jti": claims.Remove("jti"); break;
                        case "no iat": claims.Remove("iat"); break;
                        case "audience": claims["aud"] = TestIssuer.Audience; break;
                        case "expired": claims["exp"] = DateTimeOffset.UtcNow.AddHours(-1).ToUnixTimeSeconds(); break;
                        case "issuer": claims["iss"] = "https://elsewhere.example.com"; break;
                    }
                },
                what == "type" ? "at+jwt" : "logout+jwt",
                what switch { "key" => TestKey.Es256("key-1"), "none" => TestKey.None("key-1"), _ => null }),
        };

        Assert.Equal(400, await LogoutAsync(token));
        Assert.Contains("test/alice", (await _browser.GetAsync("/.postern/")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LogoutToken_IsNoCredential()
    {
        var answer = await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), LogoutToken(claims => claims["aud"] = TestIssuer.Audience), TestContext.Current.CancellationToken);

        Assert.Equal(GrpcCode.Unauthenticated, answer.Status);
    }

    [Fact]
    public async Task PathsOfTheGate_ReachNoEngine()
    {
        foreach (var path in new[] { "/.postern", "/.postern/x", "/.postern/login/", "/.postern?x" })
        {
            Assert.Equal(404, (await _browser.GetAsync(path)).Status);
        }

        Assert.Equal(405, (await _browser.SendAsync(HttpMethod.Delete, "/.postern/", null)).Status);
        Assert.Equal(404, (await _browser.GetAsync(TokenClient.Issuer + "/.postern/login")).Status);
    }

    // Begins a login and goes through it as far as the last step.
    private static async Task<string> CallbackAsync(PagesBrowser browser)
    {
        var sent = await browser.GetAsync("/.postern/login");
        var provider = await browser.GetAsync(sent.Location!);
        var gate = await browser.GetAsync(provider.Location!);
        return (await browser.GetAsync(gate.Location!)).Location!;
    }

    private static (int Status, string? Session) Outcome(PageAnswer answer, PagesBrowser browser) => (answer.Status, browser.Session);

    private string LogoutToken(Action<JsonObject>? change = null, string type = "logout+jwt", TestKey? key = null) => _gate.Issuer.Mint(
        claims =>
        {
            claims["aud"] = TestLogins.ClientId;
            claims["events"] = new JsonObject { ["http://schemas.openid.net/event/backchannel-logout"] = new JsonObject() };
            change?.Invoke(claims);
        },
        header: header => header["typ"] = type, key: key);

    private async Task<int> LogoutAsync(string token)
    {
        using var client = new TokenClient(_gate.GrpcAddress);
        return (await client.PostAsync("/.postern/backchannel-logout", null, ("logout_token", token))).Status;
    }
}
