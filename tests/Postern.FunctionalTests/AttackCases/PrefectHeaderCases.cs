using System.Text;
using Postern.FunctionalTests.Infrastructure;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>H: headers as identity, before a Prefect server.</summary>
public sealed class PrefectHeaderCases(PrefectGateFixture fixture) : IClassFixture<PrefectGateFixture>
{
    private static readonly string s_basic = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(PrefectGate.AuthString));

    /// <summary>Headers that carry identity, routing or internal meaning: the server must see none of a client's.</summary>
    private static readonly string[] s_ours =
    [
        "authorization", "proxy-authorization", "cookie", "cookie2", "postern-caller", "x-postern-caller", "x-postern-call-id", "postern-call-id",
        "prefect-automation-id", "prefect-automation-name", "x-prefect-worker-id", "x-prefect-worker-name", "x-prefect-flow-run-id", "x-prefect-flow-id", "x-prefect-deployment-id",
        "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-user", "x-forwarded-email", "x-forwarded-uri",
        "x-forwarded-client-cert", "forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip", "x-client-cert", "x-ssl-client-cert", "x-amzn-oidc-data",
        "x-original-url", "x-rewrite-url", "x-original-uri", "x-http-method-override", "x-http-method", "x-method-override",
        "traceparent", "tracestate", "baggage", "x-request-id", "keep-alive", "http2-settings", "proxy-connection", "sec-websocket-key", "sec-websocket-protocol",
    ];

    private PrefectGate Gate => fixture.Gate;

    public static TheoryData<string> Names => [.. s_ours];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task H1_IdentityHeaderOfTheClient_NeverReachesTheServer(string name)
    {
        foreach (var written in new[] { name, name.Replace('-', '_'), name.ToUpperInvariant(), name.ToUpperInvariant().Replace('-', '_'), Swap(name, 0), Swap(name, 1) }.Distinct())
        {
            Gate.Server.Forget();
            var said = await SayAsync("bob", $"{written}: canary-one\r\n{written}: canary-two\r\n{written}:\r\n{written}: canary-a, canary-b\r\n");

            if (Gate.Server.Requests.Count == 0)
            {
                // A second credential, or a header that there may be only one of.
                Assert.Matches("^HTTP/1.1 4", said);
                continue;
            }

            var arrived = Assert.Single(Gate.Server.Requests).Message;
            Assert.DoesNotContain("canary", arrived.ToString(), StringComparison.Ordinal);
            Assert.Equal(s_basic, Assert.Single(arrived.Headers, header => header.Name.Equals("authorization", StringComparison.OrdinalIgnoreCase)).Value);
            Assert.DoesNotContain(arrived.Headers, header => header.Value.Length == 0);
        }
    }

    [Theory]
    [InlineData("authorization")]
    [InlineData("Authorization, X-Forwarded-For, X-Postern-Call-Id, Host, Cookie, Traceparent")]
    [InlineData("close, authorization")]
    [InlineData("AUTHORIZATION , x-forwarded-proto")]
    [InlineData("content-type, content-length, transfer-encoding")]
    public async Task H1_HeaderNamedInConnection_IsNoWayToRemoveOurs(string connection)
    {
        Gate.Server.Forget();
        await RawTcp.SayAsync(
            Gate.Address,
            $"POST /api/flows/filter HTTP/1.1\r\nHost: {Gate.Address}\r\nAuthorization: Bearer {Gate.Gate.Issuer.Token("bob")}\r\nConnection: {connection}, close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}", ends: false);

        var arrived = Assert.Single(Gate.Server.Requests).Message;
        Assert.Equal([s_basic], All(arrived, "authorization"));
        Assert.Equal(["127.0.0.1"], All(arrived, "x-forwarded-for"));
        Assert.Equal(["http"], All(arrived, "x-forwarded-proto"));
        Assert.Equal([Gate.Address], All(arrived, "host"));
        Assert.Equal(["application/json"], All(arrived, "content-type"));
        Assert.Single(All(arrived, "x-postern-call-id"));
        Assert.Equal("{}"u8.ToArray(), arrived.Body);
        Assert.DoesNotContain(arrived.Headers, header => header.Name.Equals("connection", StringComparison.OrdinalIgnoreCase) && header.Value.Contains("authorization", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("X-HTTP-Method-Override: GET")]
    [InlineData("X-HTTP-Method: GET")]
    [InlineData("X-Method-Override: GET")]
    [InlineData("X-Original-URL: /api/admin/version")]
    [InlineData("X-Rewrite-URL: /api/admin/version")]
    [InlineData("X-Forwarded-Uri: /api/health")]
    [InlineData("X-Forwarded-Method: GET")]
    [InlineData("X-Forwarded-Prefix: /api/admin/version?")]
    [InlineData("X-Forwarded-User: root")]
    [InlineData("User-Agent: kube-probe/1.30")]
    [InlineData("X-Forwarded-For: 127.0.0.1")]
    public async Task P11_HeaderThatNamesAnotherCall_ChangesNothing(string header)
    {
        Gate.Server.Forget();
        foreach (var (method, target) in new[] { ("PUT", "/api/admin/storage"), ("DELETE", "/api/admin/storage"), ("GET", "/metrics"), ("POST", "/api/block_types/install_system_block_types") })
        {
            Assert.StartsWith("HTTP/1.1 403", await SayAsync("bob", header + "\r\n", method, target), StringComparison.Ordinal);
        }

        Assert.Empty(Gate.Server.Requests);
    }

    [Theory]
    [InlineData("Authorization: Bearer {bob}\r\nAuthorization: Bearer {root}\r\n", 401)]
    [InlineData("Authorization: Bearer {bob}, Bearer {root}\r\n", 401)]
    [InlineData("Authorization: Bearer {bob} {root}\r\n", 401)]
    [InlineData("Authorization_: Bearer {root}\r\n", 401)]
    [InlineData("Proxy-Authorization: Bearer {root}\r\n", 401)]
    [InlineData("Authorization: Digest {root}\r\n", 401)]
    [InlineData("Authorization: {root}\r\n", 401)]
    [InlineData("Cookie: authorization=Bearer%20{root}\r\n", 401)]
    [InlineData("Cookie: __Host-postern={root}\r\n", 401)]
    [InlineData("Authorization:\r\n", 401)]
    [InlineData("authorization: bearer {bob}\r\n", 200)]
    public async Task H8_Credential_StandsInOneHeaderOnce(string headers, int status)
    {
        Gate.Server.Forget();
        var filled = headers.Replace("{bob}", Gate.Gate.Issuer.Token("bob"), StringComparison.Ordinal).Replace("{root}", Gate.Gate.Issuer.Token("root"), StringComparison.Ordinal);
        var said = await RawTcp.SayAsync(Gate.Address, $"GET /api/admin/version HTTP/1.1\r\nHost: {Gate.Address}\r\n{filled}Connection: close\r\n\r\n", ends: false);

        Assert.StartsWith($"HTTP/1.1 {status}", said, StringComparison.Ordinal);
        Assert.Equal(status == 200 ? 1 : 0, Gate.Server.Requests.Count);
    }

    [Theory]
    [InlineData("X-Name: n\u00c3\u00a4chtlich")]
    [InlineData("X-Name: \u00e2\u009c\u0093")]
    [InlineData("User-Agent: \u00c3\u00a4")]
    public async Task H6_HeaderThatIsNotAscii_IsNoLostServer(string header)
    {
        Gate.Server.Forget();
        var said = await SayAsync("bob", header + "\r\n");

        Assert.StartsWith("HTTP/1.1 200", said, StringComparison.Ordinal);
        Assert.Contains(header[(header.IndexOf(' ') + 1)..], Assert.Single(Gate.Server.Requests).Message.ToString(), StringComparison.Ordinal);
        Assert.Equal(200, await ReadyAsync());
    }

    [Theory]
    [InlineData("X-Name: \u00ff\u00fe")]
    [InlineData("X-Name: \u00c0\u00af")]
    public async Task H6_HeaderThatIsNoText_IsRefused(string header)
    {
        Gate.Server.Forget();
        Assert.Matches("^HTTP/1.1 4", await SayAsync("bob", header + "\r\n"));
        Assert.Empty(Gate.Server.Requests);
        Assert.Equal(200, await ReadyAsync());
    }

    [Theory]
    [InlineData("10.1.2.3", "10.1.2.3")]
    [InlineData("203.0.113.9, 10.1.2.3", "10.1.2.3")]
    [InlineData("::ffff:10.1.2.3", "10.1.2.3")]
    public async Task H4_ForwardedFor_FromATrustedProxy_IsTheSource_AndWrittenAnew(string value, string source)
    {
        await using var gate = await PrefectGate.StartAsync(PrefectGateFixture.Script, setup => setup with { Extra = "trustedProxies: [127.0.0.0/8]" });

        await gate.SendAsync("GET", "/api/admin/version", "bob", with: request => request.Headers.TryAddWithoutValidation("X-Forwarded-For", value));

        Assert.Equal([source], All(Assert.Single(gate.Server.Requests).Message, "x-forwarded-for"));
        await Eventually.TrueAsync(() => gate.Gate.Audit.Records().Any(record => record["source"] == source), gate.Gate.Audit.Text);
    }

    [Theory]
    [InlineData("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\u00c3\u00a4")]
    [InlineData("x\" injected=\"1")]
    public async Task H7_TraceOfTheClient_ForgesNothing(string trace)
    {
        Gate.Server.Forget();
        await SayAsync("bob", $"traceparent: {trace}\r\nx-request-id: {trace}\r\n");

        var arrived = Assert.Single(Gate.Server.Requests).Message;
        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$", Assert.Single(All(arrived, "traceparent")));
        Assert.DoesNotContain("injected", arrived.ToString(), StringComparison.Ordinal);
    }

    private async Task<int> ReadyAsync()
    {
        using var http = new HttpClient();
        return (int)(await http.GetAsync(new Uri($"http://{Gate.Gate.AdminAddress}/readyz"), TestContext.Current.CancellationToken)).StatusCode;
    }

    private Task<string> SayAsync(string user, string headers, string method = "GET", string target = "/api/admin/version") => RawTcp.SayAsync(
        Gate.Address, $"{method} {target} HTTP/1.1\r\nHost: {Gate.Address}\r\nAuthorization: Bearer {Gate.Gate.Issuer.Token(user)}\r\n{headers}Connection: close\r\nContent-Length: 0\r\n\r\n", ends: false);

    private static string[] All(WireMessage message, string name) => [.. message.Headers.Where(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value)];

    private static string Swap(string name, int from) => string.Concat(name.Select((c, i) => i % 2 == from ? char.ToUpperInvariant(c) : c));
}
