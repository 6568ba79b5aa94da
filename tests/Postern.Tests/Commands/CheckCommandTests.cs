using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Postern.Commands;
using Postern.Tests.Configuration;

namespace Postern.Tests.Commands;

public sealed class CheckCommandTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Check_GoodFile_EndsWithZero()
    {
        var run = await CheckAsync(ConfigurationFolder.Minimal);

        Assert.Equal((ExitCodes.Ok, "", "No problems found.\n"), (run.ExitCode, run.Output, run.Error));
    }

    [Fact]
    public async Task Check_Errors_PrintsEachWithItsPlaceAndEndsWithTwo()
    {
        var run = await CheckAsync(ConfigurationFolder.Minimal + "lissten: 1\nshutdown: { grace: 5 }\n");

        Assert.Equal(ExitCodes.Invalid, run.ExitCode);
        Assert.Contains("postern.yaml:14: lissten: unknown key; did you mean 'listen'?\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("postern.yaml:15: shutdown.grace: ", run.Output, StringComparison.Ordinal);
        Assert.Equal("2 errors, 0 warnings.\n", run.Error);
    }

    [Fact]
    public async Task Check_Json_HoldsTheSameProblems()
    {
        var run = await CheckAsync(ConfigurationFolder.Minimal + "lissten: 1\n", "--output", "json");

        using var json = JsonDocument.Parse(run.Output);
        Assert.False(json.RootElement.GetProperty("ok").GetBoolean());
        var problem = Assert.Single(json.RootElement.GetProperty("problems").EnumerateArray());
        Assert.Equal(("error", 14, "lissten"), (problem.GetProperty("severity").GetString(), problem.GetProperty("line").GetInt32(), problem.GetProperty("path").GetString()));
    }

    [Fact]
    public async Task Check_ValueWithControlCharacters_DoesNotReachTheTerminal()
    {
        var run = await CheckAsync(ConfigurationFolder.Minimal + "\"x\\e[2J\": 1\nshutdown: { grace: \"\\e]0;title\\a\" }\n");

        Assert.Equal(ExitCodes.Invalid, run.ExitCode);
        Assert.All(run.Output, c => Assert.True(c == '\n' || !char.IsControl(c)));
    }

    [Theory]
    [InlineData(-10, -1, "ended on", ExitCodes.Invalid)]
    [InlineData(1, 100, "begins on", ExitCodes.Invalid)]
    [InlineData(-10, 5, "ends on", ExitCodes.Ok)]
    [InlineData(-10, 365, null, ExitCodes.Ok)]
    public async Task Check_CertificateTimes_AreTold(int from, int to, string? expected, int exitCode)
    {
        WriteCertificate("tls", from, to);

        var run = await CheckAsync(WithTls("tls.crt", "tls.key"));

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Equal(expected is not null, run.Output.Contains(expected ?? "certificate", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_KeyOfAnotherCertificate_IsAnError()
    {
        WriteCertificate("tls", -1, 100);
        WriteCertificate("other", -1, 100);

        var run = await CheckAsync(WithTls("tls.crt", "other.key"));

        Assert.Equal(ExitCodes.Invalid, run.ExitCode);
        Assert.Contains("listen[0].tls.certificate: the certificate and its key can't be used together", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckOnline_NothingAnswers_NamesEachPlace()
    {
        _folder.Write("audit", "a file where a folder should be");
        var run = await CheckAsync(ConfigurationFolder.Minimal
            .Replace("127.0.0.1:7733", $"127.0.0.1:{ClosedPort()}", StringComparison.Ordinal)
            .Replace("https://example.okta.com", $"http://127.0.0.1:{ClosedPort()}", StringComparison.Ordinal), "--online");

        Assert.Equal(ExitCodes.Invalid, run.ExitCode);
        Assert.Contains("engines.temporal[0].addresses[0]: '127.0.0.1:", run.Output, StringComparison.Ordinal);
        Assert.Contains("can't be reached", run.Output, StringComparison.Ordinal);
        Assert.Contains("identity.issuers[0]: its keys can't be fetched", run.Output, StringComparison.Ordinal);
        Assert.Contains("audit.file: ", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("200 OK", "application/json", "{ bearer: \"${file:auth}\" }", null)]
    [InlineData("401 Unauthorized", "application/json", "{ bearer: \"${file:auth}\" }", null)]
    [InlineData("401 Unauthorized", "application/json", "{ authString: \"${file:auth}\" }", "not as a Prefect server (HTTP 401 to /api/health)")]
    [InlineData("200 OK", "text/html", "{ authString: \"${file:auth}\" }", "not as a Prefect server (HTTP 200 to /api/health)")]
    public async Task CheckOnline_PrefectServer_IsAskedForItsHealth(string status, string type, string credential, string? expected)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var answering = Task.Run(async () =>
        {
            using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
            using var reader = new StreamReader(client.GetStream(), leaveOpen: true);
            var head = new List<string>();
            while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { Length: > 0 } line)
            {
                head.Add(line);
            }

            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: 4\r\n\r\ntrue"), TestContext.Current.CancellationToken);
            return head;
        }, TestContext.Current.CancellationToken);
        _folder.Write("auth", "gate:secret");

        var run = await CheckAsync(ConfigurationFolder.Minimal
            .Replace("    - name: main\n      addresses: [127.0.0.1:7733]\n      credential: { mint: { audience: temporal } }", $"    - name: main\n      address: http://{listener.LocalEndpoint}\n      credential: {credential}", StringComparison.Ordinal)
            .Replace("  temporal:", "  prefect:", StringComparison.Ordinal)
            .Replace("https://example.okta.com", $"http://127.0.0.1:{ClosedPort()}", StringComparison.Ordinal), "--online");

        var asked = await answering;
        Assert.Equal("GET /api/health HTTP/1.1", asked[0]);
        Assert.DoesNotContain(asked, line => line.StartsWith("Authorization", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(expected is not null, run.Output.Contains("engines.prefect[0].address", StringComparison.Ordinal));
        Assert.Contains(expected ?? "", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckOnline_EngineThatIsNoGrpcServer_IsToldApartFromNone()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var answering = Task.Run(async () =>
        {
            using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
            await client.GetStream().WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        }, TestContext.Current.CancellationToken);

        var run = await CheckAsync(ConfigurationFolder.Minimal.Replace("127.0.0.1:7733", listener.LocalEndpoint.ToString(), StringComparison.Ordinal)
            .Replace("https://example.okta.com", $"http://127.0.0.1:{ClosedPort()}", StringComparison.Ordinal), "--online");

        await answering;
        Assert.Contains("doesn't speak HTTP/2 in clear text", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckOnline_RecentPollerThatThePolicyWouldDeny_IsWarnedOfByName()
    {
        const string Pollers = """
            [{"caller":"okta/payments-worker","kind":"service","issuer":"okta","subject":"payments-worker","groups":[],"permission":"worker.poll","namespace":"payments","taskQueue":"payments","lastSeen":"2026-01-31T12:00:00Z"},
             {"caller":"okta/lost-worker","kind":"service","issuer":"okta","subject":"lost-worker","groups":["ops"],"permission":"worker.poll","namespace":"payments","taskQueue":"payroll","lastSeen":"2026-01-31T12:00:00Z"}]
            """;
        using var gate = new TcpListener(IPAddress.Loopback, 0);
        gate.Start();
        var answering = Task.Run(async () =>
        {
            using var client = await gate.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
            var stream = client.GetStream();
            using var reader = new StreamReader(stream, leaveOpen: true);
            var request = await reader.ReadLineAsync(TestContext.Current.CancellationToken);
            await stream.WriteAsync(
                Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(Pollers)}\r\nConnection: close\r\n\r\n{Pollers}"),
                TestContext.Current.CancellationToken);
            return request;
        }, TestContext.Current.CancellationToken);
        _folder.Write("policy.yaml", Repository.Read("samples/policy.yaml"));

        var run = await CheckAsync(ConfigurationFolder.Minimal
            .Replace("127.0.0.1:7733", $"127.0.0.1:{ClosedPort()}", StringComparison.Ordinal)
            .Replace("https://example.okta.com", $"http://127.0.0.1:{ClosedPort()}", StringComparison.Ordinal)
            + $"admin: {{ address: \"{gate.LocalEndpoint}\" }}\n", "--online");

        Assert.StartsWith("GET /pollers ", await answering, StringComparison.Ordinal);
        Assert.Contains("okta/lost-worker polled payroll in payments", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("okta/payments-worker", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckOnline_NoGateRuns_SaysThatPollersWereNotCompared()
    {
        var run = await CheckAsync(ConfigurationFolder.Minimal
            .Replace("127.0.0.1:7733", $"127.0.0.1:{ClosedPort()}", StringComparison.Ordinal)
            .Replace("https://example.okta.com", $"http://127.0.0.1:{ClosedPort()}", StringComparison.Ordinal)
            + $"admin: {{ address: 127.0.0.1:{ClosedPort()} }}\n", "--online");

        Assert.Contains("recent pollers were not compared", run.Error, StringComparison.Ordinal);
    }

    private Task<CommandRun> CheckAsync(string text, params string[] more) =>
        CommandRun.Of(["check", "--config", _folder.Write("postern.yaml", text), .. more]);

    private static string WithTls(string certificate, string key) =>
        ConfigurationFolder.Minimal.Replace("address: 127.0.0.1:0", $"address: 127.0.0.1:0\n    tls: {{ certificate: {certificate}, key: {key} }}", StringComparison.Ordinal);

    private void WriteCertificate(string name, int fromDays, int toDays)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(fromDays), DateTimeOffset.UtcNow.AddDays(toDays));
        _folder.Write(name + ".crt", certificate.ExportCertificatePem());
        _folder.Write(name + ".key", key.ExportPkcs8PrivateKeyPem());
    }

    private static int ClosedPort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
