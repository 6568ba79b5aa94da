using Postern.FunctionalTests.Infrastructure;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>P: path and route identity before a Prefect server. A viewer asks for what an administrator may; whatever arrives must be something else, to the server too.</summary>
public sealed class PrefectPathCases(PrefectGateFixture fixture) : IClassFixture<PrefectGateFixture>
{
    private const string Run = "/api/flow_runs/0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22";

    private PrefectGate Gate => fixture.Gate;

    public static TheoryData<string, string, string> Refused => new()
    {
        { "P2 two slashes", "GET", "//metrics" },
        { "P2 authority form", "GET", "//x/metrics" },
        { "P2 two slashes within", "GET", "/api//admin/settings" },
        { "P2 three slashes", "GET", "///metrics" },
        { "P3 dot dot", "GET", "/docs/../metrics" },
        { "P3 dot dot, encoded", "GET", "/docs/%2e%2e/metrics" },
        { "P3 dot dot, half encoded", "GET", "/docs/.%2E/metrics" },
        { "P3 twice encoded", "GET", "/docs/%252e%252e/metrics" },
        { "P3 dot", "GET", "/./metrics" },
        { "P3 semicolon", "GET", "/docs/..;/metrics" },
        { "P3 parameters", "GET", "/metrics;a=b" },
        { "P3 parameters, encoded", "GET", "/metrics%3ba=b" },
        { "P3 backslash", "GET", "/docs\\..\\metrics" },
        { "P3 backslash, encoded", "GET", "/docs%5c..%5cmetrics" },
        { "P3 slash, encoded", "GET", "/api%2fadmin%2fsettings" },
        { "P3 slash, twice encoded", "GET", "/api%252fadmin%252fsettings" },
        { "P3 over-long slash", "GET", "/api%c0%afadmin%c0%afsettings" },
        { "P3 NUL", "GET", "/metrics%00" },
        { "P3 line break", "GET", "/metrics%0d%0aX-A:%201" },
        { "P3 broken escape", "GET", "/metrics%" },
        { "P3 broken escape of a letter", "GET", "/%6metrics" },
        { "P3 slash in a name", "GET", "/api/variables/name/a%2f..%2fb" },
        { "P5 fragment", "GET", "/docs#/../metrics" },
        { "P5 fragment after a known path", "GET", "/metrics#" },
        { "P10 longer than a known path", "GET", "/api/admin/settingsX" },
        { "P10 below a known path", "GET", "/api/admin/settings/x" },
        { "P10 other case of the API", "GET", "/API/admin/settings" },
        { "P10 other case within", "GET", "/api/Admin/settings" },
        { "P10 API below a page", "GET", "/x/api/admin/settings" },
        { "P10 base path of another set-up", "GET", "/prefect/api/admin/storage" },
        { "P10 trailing slash", "DELETE", "/api/admin/storage/" },
        { "P10 trailing dot", "DELETE", "/api/admin/storage." },
        { "P10 trailing blank", "DELETE", "/api/admin/storage%20" },
        { "P12 removed routes", "POST", "/api/admin/database/clear" },
        { "P12 removed routes, drop", "POST", "/api/admin/database/drop" },
        { "P12 test mode", "GET", "/api/pid" },
        { "P12 an older server's", "POST", "/api/flow_run_notification_policies/filter" },
        { "P12 Cloud", "GET", "/api/accounts/0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22/workspaces/" },
        { "P12 a method that the route hasn't", "POST", "/api/admin/settings" },
        { "P12 HEAD of what only GET may", "HEAD", "/metrics" },
        { "P12 HEAD of the API", "HEAD", "/api/admin/settings" },
        { "P12 OPTIONS", "OPTIONS", "/api/admin/storage" },
        { "P12 PATCH of a page", "PATCH", "/runs" },
        { "P12 an id with a brace", "GET", "/api/flow_runs/%7b0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22%7d" },
        { "P12 an id that is none", "DELETE", "/api/flow_runs/0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f2" },
        { "P12 an id as a URN", "DELETE", "/api/flow_runs/urn:uuid:0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22" },
        { "P13 socket without an upgrade", "GET", "/api/events/out" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Path_OfTwoMeanings_OrOfNone_NeverReachesTheServer(string id, string method, string target)
    {
        Assert.NotEmpty(id);
        foreach (var user in new[] { "bob", "root" })
        {
            Gate.Server.Forget();
            var said = await SayAsync(method, target, user);
            Assert.Matches("^HTTP/1.1 (400|403|404|422|426)", said);
            Assert.Empty(Gate.Server.Requests);
        }
    }

    public static TheoryData<string, string, string, string> Same => new()
    {
        { "P3 encoded letters", "DELETE", "/api/%61dmin/storag%65", "/api/admin/storage" },
        { "P3 encoded letters of the API", "DELETE", "/%61%70%69/admin/storage", "/api/admin/storage" },
        { "P6 query that names an open path", "DELETE", "/api/admin/storage?path=/api/health", "/api/admin/storage?path=/api/health" },
        { "P6 empty query", "DELETE", "/api/admin/storage?", "/api/admin/storage" },
        { "P10 id in capitals", "DELETE", Run.ToUpperInvariant().Replace("/API/FLOW_RUNS", "/api/flow_runs", StringComparison.Ordinal), Run },
        { "P10 id without hyphens", "DELETE", "/api/flow_runs/0197d6c45a0b7e1f8c339d0e4b6a1f22", Run },
        { "P10 id, encoded", "DELETE", "/api/flow_runs/%30197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22", Run },
    };

    [Theory]
    [MemberData(nameof(Same))]
    public async Task Path_UnderAnotherSpelling_IsJudgedAndSentAsWhatItIs(string id, string method, string target, string canonical)
    {
        Assert.NotEmpty(id);
        Gate.Server.Forget();
        Assert.StartsWith("HTTP/1.1 403", await SayAsync(method, target, "bob"), StringComparison.Ordinal);
        Assert.Empty(Gate.Server.Requests);

        Assert.StartsWith("HTTP/1.1 200", await SayAsync(method, target, "root"), StringComparison.Ordinal);
        Assert.Equal($"{method} {canonical} HTTP/1.1", Assert.Single(Gate.Server.Requests).Message.Start);
    }

    [Fact]
    public async Task P7_Host_SelectsItsOwnServerAndNoOther()
    {
        await using var other = StubPrefect.Start(PrefectGateFixture.Script);
        await using var gate = await PrefectGate.StartAsync(
            PrefectGateFixture.Script,
            setup => setup with
            {
                PolicyText = PrefectGate.Policy + "\n  - { who: [\"user:bob\"], role: admin, where: { prefect: other } }\n",
                OtherEngines = $"{setup.OtherEngines.TrimEnd()}\n  - name: other\n    address: \"http://{other.Address}\"\n    hosts: [b.test]\n    credential: {{ none: true }}\n",
            },
            extra: "hosts: [a.test]");
        var bob = gate.Gate.Issuer.Token("bob");
        Task<string> CallAsync(string hosts, string target = "/api/admin/storage") =>
            RawTcp.SayAsync(gate.Address, $"DELETE {target} HTTP/1.1\r\n{hosts}Authorization: Bearer {bob}\r\nConnection: close\r\n\r\n", ends: false);

        Assert.StartsWith("HTTP/1.1 200", await CallAsync("Host: b.test\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200", await CallAsync("Host: B.TEST:4200\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403", await CallAsync("Host: a.test\r\n"), StringComparison.Ordinal);
        Assert.Equal((0, 2), (gate.Server.Requests.Count, other.Requests.Count));
        foreach (var hosts in new[]
        {
            "Host: b.test.\r\n", "Host: x@b.test\r\n", "Host: b.test@a.test\r\n", "Host: b.test, a.test\r\n", "Host: b.test\r\nHost: a.test\r\n", "Host: a.test\r\nX-Forwarded-Host: b.test\r\n",
            "Host: b.test/x\r\n", "Host: b.test:80:80\r\n", "Host: b.test:x\r\n", "Host: \r\n", "", "Host: xb.test\r\n", "Host: b.test.evil\r\n", "Host: [b.test]\r\n", "Host: [::1\r\n", "Host: ::1\r\n",
            "Host: [::1]\r\n", "Host: [::1]:4200\r\n", "Host: b\u0130.test\r\n", "Host: %62.test\r\n",
        })
        {
            Assert.Matches("^HTTP/1.1 4", await CallAsync(hosts));
            Assert.Matches("^HTTP/1.1 4", await CallAsync(hosts, "http://b.test/api/admin/storage"));
        }

        Assert.Equal((0, 2), (gate.Server.Requests.Count, other.Requests.Count));
    }

    private Task<string> SayAsync(string method, string target, string user) => RawTcp.SayAsync(
        Gate.Address, $"{method} {target} HTTP/1.1\r\nHost: {Gate.Address}\r\nAuthorization: Bearer {Gate.Gate.Issuer.Token(user)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", ends: false);
}
