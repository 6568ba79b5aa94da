using System.CommandLine;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Commands;
using Postern.Commands.Terminal;
using Postern.FunctionalTests.Infrastructure;
using Tomlyn;
using Tomlyn.Model;

namespace Postern.FunctionalTests.Terminal;

/// <summary>A person at a terminal: <c>login</c>, <c>whoami</c>, <c>logout</c>, and the profile of the stock command line, against a real gate. Alone, since the files are named by the environment.</summary>
[Collection(nameof(TerminalFiles))]
public sealed partial class LoginCommandTests(TerminalFiles files) : IAsyncLifetime
{
    private const string Policy = """
        bindings:
          - { who: ["group:test/payments", "group:postern/payments"], role: developer, where: { temporal: payments } }
          - { who: ["user:root"], role: admin, scope: cluster }
        """;

    private readonly int _port = FreePort();
    private Gate _gate = null!;
    private TestLogins _logins = null!;

    public async ValueTask InitializeAsync()
    {
        files.Clear();
        _gate = await Gate.StartAsync(new GateSetup
        {
            PolicyText = Policy,
            IdentityExtra = GateAccounts.Configuration,
            Listen = $$"""- { address: "127.0.0.1:{{_port}}", protocol: http }""",
            Extra = $$"""tokens: { issuer: "http://127.0.0.1:{{_port}}", lifetime: 60s }""",
            IssuerExtra = $"login: {{ clientId: {TestLogins.ClientId}, clientSecret: {TestLogins.Secret} }}",
        });
        _logins = new TestLogins(_gate.Issuer);
        _gate.Issuer.Further = _logins.AnswerAsync;
    }

    public async ValueTask DisposeAsync() => await _gate.DisposeAsync();

    [Fact]
    public async Task Login_WritesTheProfileOfTheStockCommandLine_WhoseTokensWork()
    {
        File.WriteAllText(TemporalProfile.File, "# mine\n[profile.other]\naddress = \"elsewhere:7233\"\n\n[profile.default]\nnamespace = \"payments\"\n");

        var (code, _, words) = await LoginAsync();

        Assert.True(code == 0, words);
        Assert.Contains("Logged in as test/alice", words, StringComparison.Ordinal);
        var document = Toml();
        Assert.Equal("elsewhere:7233", ((TomlTable)((TomlTable)document["profile"])["other"])["address"]);
        var profile = (TomlTable)((TomlTable)document["profile"])["default"];
        Assert.Equal(("payments", _gate.GrpcAddress, true), (profile["namespace"], profile["address"], ((TomlTable)profile["tls"])["disabled"]));
        var oauth = (TomlTable)profile["oauth"];
        Assert.True(DateTimeOffset.Parse((string)oauth["expires_at"]) > DateTimeOffset.UtcNow);
        Assert.Equal(0, await StartAsync((string)oauth["access_token"]));

        // As the command line does it: Basic with an empty secret, many times over, while whoami refreshes its own.
        var token = (string)oauth["refresh_token"];
        for (var i = 0; i < 3; i++)
        {
            var answer = await RefreshAsTemporalDoesAsync((string)oauth["token_url"], token);
            token = answer.GetProperty("refresh_token").GetString()!;
            Assert.Equal(0, await StartAsync(answer.GetProperty("access_token").GetString()!));
            Assert.Equal(0, (await RunAsync("whoami")).Code);
        }

        Assert.All([TemporalProfile.File, .. Directory.GetFiles(LoginSession.Folder)], file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
        Assert.DoesNotContain(token, words, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhoAmI_SaysWhatThePolicySays_AndNoticesTheLostTable_WhichLoginRestoresWithoutABrowser()
    {
        await LoginAsync();
        File.WriteAllText(TemporalProfile.File, "[profile.default]\naddress = \"127.0.0.1:1\"\n");

        var (code, output, words) = await RunAsync("whoami");
        Assert.True(code == 0, words);
        Assert.Contains("test/alice, human, in payments", output, StringComparison.Ordinal);
        Assert.Contains("may    developer in namespace payments", output, StringComparison.Ordinal);
        Assert.Contains("has lost this login", words, StringComparison.Ordinal);

        var again = await LoginAsync(browser: _ => throw new InvalidOperationException("No browser is needed."));
        Assert.True(again.Code == 0, again.Words);
        Assert.Contains("Still logged in", again.Words, StringComparison.Ordinal);
        Assert.DoesNotContain("lost", (await RunAsync("whoami")).Words, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logout_EndsBothSessions_HereAndAtTheGate()
    {
        await LoginAsync();
        var oauth = (TomlTable)((TomlTable)((TomlTable)Toml()["profile"])["default"])["oauth"];

        Assert.Equal((0, "Logged out.\n"), ((await RunAsync("logout")) is var ended ? (ended.Code, ended.Words) : default));

        Assert.Empty(Directory.GetFiles(LoginSession.Folder));
        Assert.False(((TomlTable)((TomlTable)Toml()["profile"])["default"]).ContainsKey("oauth"));
        var refused = await RefreshAsTemporalDoesAsync((string)oauth["token_url"], (string)oauth["refresh_token"]);
        Assert.Equal("invalid_grant", refused.GetProperty("error").GetString());
        Assert.Contains("postern login", refused.GetProperty("error_description").GetString(), StringComparison.Ordinal);
        Assert.Equal(GrpcCode.Unauthenticated, await StartAsync((string)oauth["access_token"]));
        Assert.Equal(1, (await RunAsync("whoami")).Code);
    }

    [Fact]
    public async Task Prefect_GetsAddressAndTokenInItsOwnProfile_WhoseOthersStay_AndLoginRestoresThem()
    {
        File.WriteAllText(PrefectProfile.File, "active = \"local\"\n\n[profiles.local]\nPREFECT_API_URL = \"http://127.0.0.1:1/api\"\n\n[profiles.default]\nPREFECT_LOGGING_LEVEL = \"DEBUG\"\n");

        var (code, _, words) = await LoginAsync(arguments: ["--prefect", "http://127.0.0.1:4200/api/"]);

        Assert.True(code == 0, words);
        Assert.Contains("prefect --profile default … works until", words, StringComparison.Ordinal);
        Assert.Contains("prefect profile use default", words, StringComparison.Ordinal);
        Assert.Equal(("local", "http://127.0.0.1:1/api"), (Toml(PrefectProfile.File)["active"], Prefect("local")["PREFECT_API_URL"]));
        Assert.Equal(("http://127.0.0.1:4200/api", "DEBUG"), (Prefect()["PREFECT_API_URL"], Prefect()["PREFECT_LOGGING_LEVEL"]));
        Assert.Equal("test/alice", await WhoIsAsync((string)Prefect()["PREFECT_API_AUTH_STRING"]));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(PrefectProfile.File));
        Assert.DoesNotContain("has no token that holds", (await RunAsync("whoami")).Words, StringComparison.Ordinal);

        // As prefect config unset does it.
        File.WriteAllText(PrefectProfile.File, "[profiles.default]\nPREFECT_LOGGING_LEVEL = \"DEBUG\"\n");
        Assert.Contains("Prefect's profile default has no token that holds", (await RunAsync("whoami")).Words, StringComparison.Ordinal);
        var again = await LoginAsync(browser: _ => throw new InvalidOperationException("No browser is needed."));
        Assert.True(again.Code == 0, again.Words);
        Assert.Equal(("default", "http://127.0.0.1:4200/api"), (Toml(PrefectProfile.File)["active"], Prefect()["PREFECT_API_URL"]));
        Assert.Equal("test/alice", await WhoIsAsync((string)Prefect()["PREFECT_API_AUTH_STRING"]));

        var auth = (string)Prefect()["PREFECT_API_AUTH_STRING"];
        Assert.Equal(0, (await RunAsync("logout")).Code);
        Assert.Equal(["PREFECT_LOGGING_LEVEL"], Prefect().Keys);
        Assert.Null(await WhoIsAsync(auth));
    }

    [Fact]
    public async Task Prefect_IsToldNothing_WhereNobodySaidWhereItIs_OrInClearText()
    {
        File.WriteAllText(PrefectProfile.File, "[profiles.default]\nPREFECT_API_URL = \"http://127.0.0.1:1/api\"\nPREFECT_API_AUTH_STRING = \"of:another\"\n");
        var before = File.ReadAllText(PrefectProfile.File);

        Assert.Equal(ExitCodes.Usage, (await LoginAsync(arguments: ["--prefect", "http://prefect.example/api"])).Code);
        Assert.Null(LoginSession.Read("default"));
        Assert.Equal(0, (await LoginAsync()).Code);
        Assert.DoesNotContain("Prefect", (await RunAsync("whoami")).Words, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("logout")).Code);

        Assert.Equal(before, File.ReadAllText(PrefectProfile.File));
    }

    [Fact]
    public async Task Login_IsEnoughForTokenAndExec_WhichRenewItAsLongAsItLives()
    {
        await LoginAsync();
        var seen = Path.Combine(Path.GetDirectoryName(TemporalProfile.File)!, "seen");

        var (code, output, words) = await RunAsync("token", "--profile", "default");
        Assert.True(code == 0, words);
        Assert.Equal(0, await StartAsync(output.Trim()));
        Assert.Equal(0, (await RunAsync("exec", "--profile", "default", "--", "sh", "-c", $"echo \"$PREFECT_API_AUTH_STRING\" > {seen}")).Code);
        Assert.Equal("test/alice", await WhoIsAsync(File.ReadAllText(seen).Trim()));

        await RunAsync("logout");
        Assert.Null(await WhoIsAsync("any:" + output.Trim()));
        var late = await RunAsync("token", "--profile", "default");
        Assert.Equal(ExitCodes.Usage, late.Code);
        Assert.Contains("Nobody is logged in in the profile default: run postern login.", late.Words, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_IsEnoughForAnAgent_WhichEndsWithIt()
    {
        await LoginAsync();
        using var output = new StringWriter();
        using var words = new StringWriter();
        var agent = CommandLine.RunAsync(["agent", "--profile", "default", "--listen", "127.0.0.1:0"], output, words, TestContext.Current.CancellationToken);
        using var client = new GrpcClient(await Eventually.AnswersAsync(() => Task.FromResult(Listens().Match(words.ToString()).Groups[1].Value), address => address.Length > 0));

        Assert.Equal(0, (await client.CallAsync("StartWorkflowExecution", Requests.Start(), null, TestContext.Current.CancellationToken)).Status);
        await RunAsync("logout");
        Assert.Equal(GrpcCode.Unauthenticated, (await client.CallAsync("StartWorkflowExecution", Requests.Start(), null, TestContext.Current.CancellationToken)).Status);
        // A token that was got a moment ago is believed in for as long: a program's next calls make the agent look.
        while (!agent.IsCompleted)
        {
            await Record.ExceptionAsync(() => client.CallAsync("StartWorkflowExecution", Requests.Start(), null, TestContext.Current.CancellationToken));
            await Task.WhenAny(agent, Task.Delay(200, TestContext.Current.CancellationToken));
        }

        Assert.Equal(ExitCodes.Failed, await agent);
        Assert.Contains("run postern login", words.ToString(), StringComparison.Ordinal);
        Assert.Contains("Where is Prefect?", await PrefectAsync(), StringComparison.Ordinal);

        async Task<string> PrefectAsync()
        {
            await LoginAsync();
            return (await RunAsync("agent", "--profile", "default", "--protocol", "http", "--listen", "127.0.0.1:0")).Words;
        }
    }

    [Fact]
    public async Task Device_ShowsACodeThatIsConfirmedElsewhere()
    {
        using var output = new StringWriter();
        using var words = new StringWriter();
        var waiting = LoginCommand.Create(TimeProvider.System, _ => false).Parse(["--gate", $"http://{_gate.GrpcAddress}", "--issuer", Issuer, "--device"])
            .InvokeAsync(new InvocationConfiguration { Output = output, Error = words }, TestContext.Current.CancellationToken);
        var page = await Eventually.AnswersAsync(() => { lock (words) { return Task.FromResult(Page().Match(words.ToString()).Groups[1].Value); } }, url => url.Length > 0);

        using var browser = new Person();
        var asked = await browser.GoAsync(page);
        await browser.PressAsync(new Uri(new Uri(Issuer), "/oauth/device"), asked);

        Assert.True(await waiting == 0, words.ToString());
        Assert.Contains("Logged in as test/alice", words.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LocalUser_LogsInByHisPassword_WhileTheProviderIsAway(bool byDevice)
    {
        using (var root = new ManagementApiClient(_gate, _gate.Issuer.Token("root")))
        {
            (await root.PostAsync("/v1/users", """{"name":"carol","groups":["payments"],"password":"correct horse battery staple"}""")).Is(201);
        }

        await _gate.Issuer.GoAwayAsync();
        using var output = new StringWriter();
        using var words = new StringWriter();
        using var person = new Person();
        var visiting = Task.CompletedTask;
        var command = LoginCommand.Create(TimeProvider.System, url => { visiting = person.SignInAsync(url.ToString(), "carol", "correct horse battery staple"); return true; });
        var running = command.Parse(["--gate", $"http://{_gate.GrpcAddress}", "--issuer", Issuer, .. byDevice ? (ReadOnlySpan<string>)["--device"] : []])
            .InvokeAsync(new InvocationConfiguration { Output = output, Error = words }, TestContext.Current.CancellationToken);
        if (byDevice)
        {
            var page = await Eventually.AnswersAsync(() => { lock (words) { return Task.FromResult(Page().Match(words.ToString()).Groups[1].Value); } }, url => url.Length > 0);
            await person.PressAsync(new Uri(new Uri(Issuer), "/oauth/device"), await person.SignInAsync(page, "carol", "correct horse battery staple"));
        }

        Assert.True(await running == 0, words.ToString());
        await visiting;
        Assert.Contains("Logged in as postern/carol", words.ToString(), StringComparison.Ordinal);
        var who = await RunAsync("whoami");
        Assert.Contains("postern/carol, human, in payments", who.Output, StringComparison.Ordinal);
        Assert.Equal(0, await StartAsync((string)((TomlTable)((TomlTable)((TomlTable)Toml()["profile"])["default"])["oauth"])["access_token"]));
    }

    [Fact]
    public async Task RefusedLogin_IsSaidInWords_AndWritesNothing()
    {
        _logins.Refuses = true;

        var (code, _, words) = await LoginAsync();

        Assert.Equal(1, code);
        Assert.NotEmpty(words);
        Assert.False(File.Exists(TemporalProfile.File));
        Assert.Null(LoginSession.Read("default"));
    }

    [Fact]
    public async Task ProfileFileThatIsNoToml_IsLeftAlone()
    {
        File.WriteAllText(TemporalProfile.File, "[profile.default\n");

        var (code, _, words) = await LoginAsync();

        Assert.Equal(1, code);
        Assert.Contains("left alone", words, StringComparison.Ordinal);
        Assert.Equal("[profile.default\n", File.ReadAllText(TemporalProfile.File));
    }

    [Fact]
    public async Task GateThatIsNoneOrAway_IsSaidInWords()
    {
        Assert.Contains("can't be reached", (await RunAsync("login", "--gate", $"http://127.0.0.1:{FreePort()}")).Words, StringComparison.Ordinal);
        Assert.Contains("takes https", (await RunAsync("login", "--gate", "http://gate.example")).Words.Replace("take https", "takes https", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("answers 404", (await RunAsync("login", "--gate", $"http://{_gate.AdminAddress}")).Words, StringComparison.Ordinal);
    }

    private string Issuer => $"http://127.0.0.1:{_port}";

    private async Task<(int Code, string Output, string Words)> LoginAsync(Func<Uri, bool>? browser = null, params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var words = new StringWriter { NewLine = "\n" };
        using var person = new Person();
        var visiting = Task.CompletedTask;
        var command = LoginCommand.Create(TimeProvider.System, browser ?? (url => { visiting = person.GoAsync(url.ToString()); return true; }));
        var code = await command.Parse(["--gate", $"http://{_gate.GrpcAddress}", "--issuer", Issuer, .. arguments]).InvokeAsync(new InvocationConfiguration { Output = output, Error = words }, TestContext.Current.CancellationToken);
        await visiting;
        return (code, output.ToString(), words.ToString());
    }

    private static async Task<(int Code, string Output, string Words)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var words = new StringWriter { NewLine = "\n" };
        return (await CommandLine.RunAsync(arguments, output, words, TestContext.Current.CancellationToken), output.ToString(), words.ToString());
    }

    private static async Task<JsonElement> RefreshAsTemporalDoesAsync(string url, string token)
    {
        using var http = new HttpClient();
        JsonElement last = default;
        // By Basic first, also with an empty secret, then in the body.
        foreach (var isBasic in new[] { true, false })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url);
            var form = new Dictionary<string, string> { ["grant_type"] = "refresh_token", ["refresh_token"] = token };
            if (isBasic)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("postern-cli:"u8));
            }
            else
            {
                form["client_id"] = "postern-cli";
            }

            request.Content = new FormUrlEncodedContent(form);
            using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
            using var document = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            last = document.RootElement.Clone();
            if (response.IsSuccessStatusCode)
            {
                return last;
            }
        }

        return last;
    }

    private async Task<int?> StartAsync(string token) => (await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status;

    /// <summary>Whom the gate takes the holder of a Basic credential for; null: for nobody.</summary>
    private async Task<string?> WhoIsAsync(string auth)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, Issuer + "/oauth/whoami") { Headers = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(auth))) } };
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        if (response.StatusCode == HttpStatusCode.Unauthorized)
        {
            return null;
        }

        using var document = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        return document.RootElement.GetProperty("caller").GetString();
    }

    private static TomlTable Prefect(string profile = "default") => (TomlTable)((TomlTable)Toml(PrefectProfile.File)["profiles"])[profile];

    private static TomlTable Toml(string? file = null) => TomlSerializer.Deserialize<TomlTable>(File.ReadAllText(file ?? TemporalProfile.File))!;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [GeneratedRegex("Listens on (\\S+),")]
    private static partial Regex Listens();

    [GeneratedRegex("Open (http\\S+) in any browser")]
    private static partial Regex Page();
}
