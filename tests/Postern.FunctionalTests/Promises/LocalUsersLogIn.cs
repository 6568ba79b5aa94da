using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// A local user logs in by his password on the gate's own page, with or without an identity provider beside it. Nobody finds out names or passwords by trying, no other page logs anybody in, and a new
/// password or being disabled ends what began before it.
/// </summary>
public sealed class LocalUsersLogIn
{
    private const string Client = "postern-cli";
    private const string Redirect = "http://127.0.0.1:5000/callback";
    private const string Password = "correct horse battery staple";
    private const string Device = "urn:ietf:params:oauth:grant-type:device_code";
    private const string Poll = GrpcClient.WorkflowService + "PollWorkflowTaskQueue";
    private const string Policy = """
        bindings:
          - { who: ["group:postern/payments", "group:test/payments"], role: developer, where: { temporal: payments } }
          - { who: ["group:postern/payments"], role: worker, where: { temporal: payments } }
          - { who: ["user:root"], role: admin, scope: cluster }
        """;

    private static readonly GateSetup Setup = new() { PolicyText = Policy, IdentityExtra = GateAccounts.Configuration, Extra = TokenClient.Configuration };
    private static readonly GateSetup BesideAProvider = Setup with { IssuerExtra = $"login: {{ clientId: {TestLogins.ClientId}, clientSecret: {TestLogins.Secret} }}" };

    private readonly string _verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    [Fact]
    public async Task WithoutAProvider_ThePasswordLeadsToASession_OfThePersonWithHisGroups()
    {
        await using var at = await At.StartAsync(Setup);
        await at.AddAsync("alice");
        var page = await at.Browser.GoAsync(Authorize(("state", "s 1")));
        Assert.Equal(200, page.Status);
        Assert.DoesNotContain("Sign in with", page.Text, StringComparison.Ordinal);

        var sent = await at.Browser.TypeAsync(page.Text, "alice", Password);

        Assert.Equal((303, "s 1", TokenClient.Issuer), (sent.Status, Browser.Parameter(sent.Location, "state"), Browser.Parameter(sent.Location, "iss")));
        var answer = await RedeemAsync(at, sent);
        Assert.Equal(("postern/alice", "human"), (new SignedToken(answer.AccessToken).Subject, new SignedToken(answer.AccessToken)["kind"]));
        Assert.Equal(0, await at.StartAsync(answer.AccessToken));
        var fresh = await at.RefreshAsync(answer);
        Assert.Equal(0, await at.StartAsync(fresh.AccessToken));
        (await at.Root.PutAsync("/v1/users/alice", """{"groups":[]}""")).Is(200);
        Assert.Equal(GrpcCode.PermissionDenied, await at.StartAsync(fresh.AccessToken));
        Assert.Equal(200, (await at.RefreshAsync(fresh)).Status);
        Assert.DoesNotContain(at.Gate.Logs.Lines, line => line.ToString().Contains(Password, StringComparison.Ordinal));
        Assert.DoesNotContain(Password, at.Gate.Audit.Text(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task BesideAProvider_ThePageOffersBoth_AndThePasswordNeedsNoProvider()
    {
        await using var at = await At.StartAsync(BesideAProvider);
        Assert.Equal(302, (await at.Browser.GetAsync(Authorize())).Status);
        await at.AddAsync("bob");

        var page = await at.Browser.GoAsync(Authorize());
        Assert.Contains("Sign in with test", page.Text, StringComparison.Ordinal);
        var byProvider = await RedeemAsync(at, await at.Browser.GoAsync("/oauth/login?login=" + Browser.LoginOf(page.Text)));
        Assert.Equal("test/alice", new SignedToken(byProvider.AccessToken).Subject);

        await at.Gate.Issuer.GoAwayAsync();
        page = await at.Browser.GoAsync(Authorize());
        var byPassword = await RedeemAsync(at, await at.Browser.TypeAsync(page.Text, "bob", Password));
        Assert.Equal("postern/bob", new SignedToken(byPassword.AccessToken).Subject);
        Assert.Equal(200, (await at.RefreshAsync(byPassword)).Status);
    }

    [Fact]
    public async Task Device_IsSignedIn_OnceAUserTypedHisPasswordAndSaidYes()
    {
        await using var at = await At.StartAsync(Setup);
        await at.AddAsync("alice");
        var begun = await at.Client.PostAsync("/oauth/device_authorization", null, ("client_id", Client));
        var page = await at.Browser.GoAsync(begun["verification_uri_complete"]!);

        var asked = await at.Browser.TypeAsync(page.Text, "alice", Password);

        Assert.Contains(begun["user_code"]!, asked.Text, StringComparison.Ordinal);
        Assert.Contains("postern/alice", asked.Text, StringComparison.Ordinal);
        Assert.Equal(200, (await at.Browser.PressAsync(asked.Text, "allow")).Status);
        var answer = await at.Client.TokenAsync(("grant_type", Device), ("client_id", Client), ("device_code", begun["device_code"]!));
        Assert.Equal(0, await at.StartAsync(answer.AccessToken));
    }

    [Fact]
    public async Task NameThatNobodyHas_AndWrongPassword_AreAnsweredAlike()
    {
        await using var at = await At.StartAsync(Setup);
        await at.AddAsync("alice");
        await at.AddAsync("gone");
        (await at.Root.PutAsync("/v1/users/gone", """{"disabled":true}""")).Is(200);
        (await at.Root.PostAsync("/v1/accounts", """{"name":"robot"}""")).Is(201);
        var page = await at.Browser.GoAsync(Authorize());

        var answers = new List<TokenAnswer>();
        foreach (var name in new[] { "alice", "nobody", "gone", "robot" })
        {
            var answer = await at.Browser.TypeAsync(page.Text, name, "not the password of anybody");
            answers.Add(answer with { Text = answer.Text.Replace(Browser.LoginOf(answer.Text), "", StringComparison.Ordinal).Replace($"\"{name}\"", "", StringComparison.Ordinal) });
        }

        Assert.All(answers, answer => Assert.Equal((403, answers[0].Text, null), (answer.Status, answer.Text, answer.Location)));
        Assert.Contains("Name or password is wrong.", answers[0].Text, StringComparison.Ordinal);
        Assert.Contains("disabled", (await at.Browser.TypeAsync(page.Text, "gone", Password)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhoGuesses_IsStoppedForThatUserWhoeverHeIs_AndOthersGoOn()
    {
        await using var at = await At.StartAsync(Setup);
        await at.AddAsync("alice");
        await at.AddAsync("bob");
        var page = await at.Browser.GoAsync(Authorize());
        foreach (var name in new[] { "alice", "nobody" })
        {
            var tries = await Task.WhenAll(Enumerable.Range(0, 14).Select(_ => at.Browser.TypeAsync(page.Text, name, "not the password of anybody")));
            Assert.True(tries.Count(answer => answer.Status == 403) is >= 10 and <= 12, string.Join(' ', tries.Select(answer => answer.Status)));
            Assert.All(tries.Where(answer => answer.Status != 403), answer => Assert.Equal((429, "30"), (answer.Status, answer.RetryAfter)));
        }

        // The right one isn't tried either; from another address neither, since it is the user who is guessed at.
        using var elsewhere = new TokenClient(at.Gate.GrpcAddress);
        using var other = new Browser(elsewhere);
        var theirs = await other.GoAsync(Authorize());
        Assert.Equal(429, (await other.TypeAsync(theirs.Text, "alice", Password)).Status);
        Assert.Equal(303, (await other.TypeAsync(theirs.Text, "bob", Password)).Status);
    }

    [Fact]
    public async Task FormOfAnotherBrowser_OrMadeUp_LogsNobodyIn()
    {
        await using var at = await At.StartAsync(BesideAProvider);
        await at.AddAsync("alice");
        var page = await at.Browser.GoAsync(Authorize());
        using var other = new Browser(at.Client);
        await other.GoAsync(Authorize());
        using var without = new Browser(at.Client);

        foreach (var (browser, text) in new[] { (other, page.Text), (without, page.Text), (at.Browser, "name=\"login\" value=\"made-up\""), (at.Browser, "") })
        {
            var answer = await browser.TypeAsync(text, "alice", Password);
            Assert.Equal((400, null), (answer.Status, answer.Location));
            answer = await browser.GetAsync("/oauth/login?login=" + Browser.LoginOf(text));
            Assert.Equal((400, null), (answer.Status, answer.Location));
        }

        Assert.Equal(303, (await at.Browser.TypeAsync(page.Text, "alice", Password)).Status);
    }

    [Fact]
    public async Task Page_RunsNoScript_SendsNowhereElse_AndShowsWhatWasTypedAsText()
    {
        await using var at = await At.StartAsync(Setup);
        var page = await at.Browser.GoAsync(Authorize());
        const string Typed = "\"><script>alert(1)</script>";

        var answer = await at.Browser.TypeAsync(page.Text, Typed, Password);

        Assert.DoesNotContain("<script", answer.Text, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(WebUtility.HtmlEncode(Typed), answer.Text, StringComparison.Ordinal);
        foreach (var policy in new[] { page.ContentSecurity!, answer.ContentSecurity! })
        {
            Assert.StartsWith("default-src 'none'; style-src 'sha256-", policy, StringComparison.Ordinal);
            Assert.Contains("form-action 'self' http://127.0.0.1:5000;", policy, StringComparison.Ordinal);
            Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        }

        // Each input has a label, for who can't see the page.
        foreach (var input in new[] { "username", "password" })
        {
            Assert.Contains($"<label for=\"{input}\">", page.Text, StringComparison.Ordinal);
            Assert.Contains($"<input id=\"{input}\" name=\"{input}\"", page.Text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("password")]
    [InlineData("disabled")]
    [InlineData("deleted")]
    public async Task NewPassword_BeingDisabled_AndBeingDeleted_EndWhatBeganBefore(string how)
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var at = await At.StartAsync(Setup with { Script = call => StubAnswer.Ok() with { Before = call.Operation == "PollWorkflowTaskQueue" ? _ => release.Task : null } });
        await at.AddAsync("alice");
        await at.AddAsync("bob");
        var alice = await LogInAsync(at, "alice");
        var bob = await LogInAsync(at, "bob");
        var pending = await at.Browser.TypeAsync((await at.Browser.GoAsync(Authorize())).Text, "alice", Password);
        await using var polling = await at.Gate.ConnectAsync();
        var (hers, his) = (await PollAsync(polling, alice.AccessToken), await PollAsync(polling, bob.AccessToken));
        await Eventually.TrueAsync(() => at.Gate.Engine.Open == 2);

        switch (how)
        {
            case "password":
                (await at.Root.PutAsync("/v1/users/alice/password", """{"password":"another horse, another staple"}""")).Is(200);
                break;
            case "disabled":
                (await at.Root.PutAsync("/v1/users/alice", """{"groups":["payments"],"disabled":true}""")).Is(200);
                break;
            default:
                (await at.Root.DeleteAsync("/v1/users/alice")).Is(204);
                break;
        }

        Assert.NotEqual(0, (await polling.AnswerAsync(hers)).Status);
        if (how == "disabled")
        {
            (await at.Root.PutAsync("/v1/users/alice", """{"groups":["payments"]}""")).Is(200);
        }

        Assert.Equal(GrpcCode.Unauthenticated, await at.StartAsync(alice.AccessToken));
        Assert.Equal("invalid_grant", (await at.RefreshAsync(alice)).Error);
        Assert.Equal("invalid_grant", (await RedeemAsync(at, pending, isGood: false)).Error);
        Assert.Equal(0, await at.StartAsync(bob.AccessToken));
        Assert.Equal(200, (await at.RefreshAsync(bob)).Status);
        release.SetResult();
        Assert.Equal(0, (await polling.AnswerAsync(his)).Status);
        if (how != "deleted")
        {
            Assert.Equal(0, await at.StartAsync((await LogInAsync(at, "alice", how == "password" ? "another horse, another staple" : Password)).AccessToken));
        }
    }

    [Fact]
    public async Task TokenThatWasExchangedFromASessions_EndsWithIt()
    {
        await using var at = await At.StartAsync(Setup);
        await at.AddAsync("alice");
        var exchanged = await at.Client.ExchangeAsync((await LogInAsync(at, "alice")).AccessToken, TokenClient.AccessToken);
        Assert.Equal(0, await at.StartAsync(exchanged.AccessToken));

        (await at.Root.PutAsync("/v1/users/alice/password", """{"password":"another horse, another staple"}""")).Is(200);

        Assert.Equal(GrpcCode.Unauthenticated, await at.StartAsync(exchanged.AccessToken));
    }

    private async Task<TokenAnswer> LogInAsync(At at, string name, string password = Password) =>
        await RedeemAsync(at, await at.Browser.TypeAsync((await at.Browser.GoAsync(Authorize())).Text, name, password));

    private async Task<TokenAnswer> RedeemAsync(At at, TokenAnswer sent, bool isGood = true)
    {
        Assert.True(Browser.Parameter(sent.Location, "code") is not null, sent.Text);
        var answer = await at.Client.TokenAsync(
            ("grant_type", "authorization_code"), ("client_id", Client), ("code", Browser.Parameter(sent.Location, "code")!), ("redirect_uri", Redirect), ("code_verifier", _verifier));
        Assert.True(answer.Status == 200 == isGood, answer.Text);
        return answer;
    }

    private string Authorize(params (string Name, string Value)[] more) => QueryHelpers.AddQueryString("/oauth/authorize", new Dictionary<string, string?>(
        [
            new("response_type", "code"), new("client_id", Client), new("redirect_uri", Redirect), new("code_challenge_method", "S256"),
            new("code_challenge", Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(_verifier)))), .. more.Select(one => new KeyValuePair<string, string?>(one.Name, one.Value)),
        ]));

    private static async Task<int> PollAsync(RawHttp2 client, string token)
    {
        var stream = client.NextStream();
        await client.HeadersAsync(stream, RawHttp2.CallHeaders(Poll, token, ("grpc-timeout", "300S")));
        await client.DataAsync(stream, GrpcFrame.Of(Requests.Poll()));
        return stream;
    }

    /// <summary>A gate with its administrator, a browser and a program that waits.</summary>
    private sealed class At : IAsyncDisposable
    {
        private At(Gate gate)
        {
            Gate = gate;
            gate.Issuer.Further = new TestLogins(gate.Issuer).AnswerAsync;
            Root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
            Client = new TokenClient(gate.GrpcAddress);
            Browser = new Browser(Client);
        }

        public Gate Gate { get; }

        public ManagementApiClient Root { get; }

        public TokenClient Client { get; }

        public Browser Browser { get; }

        public static async Task<At> StartAsync(GateSetup setup) => new(await Gate.StartAsync(setup));

        public async Task AddAsync(string name) => (await Root.PostAsync("/v1/users", $$"""{"name":"{{name}}","groups":["payments"],"password":"{{Password}}"}""")).Is(201);

        public Task<TokenAnswer> RefreshAsync(TokenAnswer last) => Client.TokenAsync(("grant_type", "refresh_token"), ("client_id", LocalUsersLogIn.Client), ("refresh_token", last["refresh_token"]!));

        public async Task<int> StartAsync(string token) => (await Gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status;

        public async ValueTask DisposeAsync()
        {
            Browser.Dispose();
            Client.Dispose();
            Root.Dispose();
            await Gate.DisposeAsync();
        }
    }
}
