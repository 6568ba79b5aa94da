using System.Text;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity.ApiKeys;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>J8 and J10: keys that are no longer good, or never were; D8: the management API is where it is and nowhere else.</summary>
public sealed class ApiKeyCases
{
    private const string Policy = GateSetup.Policy + """

          - { who: ["account:worker"], role: admin, where: { temporal: payments } }
          - { who: ["account:worker"], role: admin, scope: cluster }
        """;

    private static readonly GateSetup Setup = new() { IdentityExtra = GateAccounts.Configuration, PolicyText = Policy };

    [Fact]
    public async Task J10_TextsThatAreNoKey_AreRefusedAlike()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (id, text) = await root.KeyAsync("worker");
        Assert.Equal(0, await StatusAsync(gate, text));
        foreach (var bad in new Dictionary<string, string>
        {
            ["cut"] = text[..^1],
            ["longer"] = text + "a",
            ["the id alone"] = $"pst_{id}",
            ["another secret, no checksum"] = text[..40] + (text[40] == 'a' ? 'b' : 'a') + text[41..],
            ["another secret of the same id, with its checksum"] = Forged(id),
            ["an id that nobody has"] = ApiKeyText.Create().Text,
            ["upper case prefix"] = "PST_" + text[4..],
            ["a bootstrap token's prefix"] = "pbt_" + text[4..],
            ["a blank within"] = text[..30] + " " + text[30..],
        })
        {
            Assert.True(await StatusAsync(gate, bad.Value) == GrpcCode.Unauthenticated, bad.Key);
            using var client = new ManagementApiClient(gate, bad.Value);
            Assert.True((await client.GetAsync("/v1/accounts")).Status == 401, bad.Key);
        }
    }

    [Fact]
    public async Task J10_KeyInTheQuery_OpensNothing()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (_, text) = await root.KeyAsync("worker");
        using var unknown = new ManagementApiClient(gate, null);
        foreach (var name in new[] { "access_token", "api_key", "key", "token", "authorization" })
        {
            (await unknown.GetAsync($"/v1/accounts?{name}={text}")).IsProblem(401, "unauthenticated");
            Assert.NotEqual(0, (await gate.Client.CallAsync($"{GrpcClient.WorkflowService}GetSystemInfo?{name}={text}", Array.Empty<byte>(), null, TestContext.Current.CancellationToken)).Status);
        }

        await gate.StopAsync();
        Assert.DoesNotContain(text[20..60], gate.Audit.Text(), StringComparison.Ordinal);
        Assert.DoesNotContain(gate.Logs.Lines, line => line.ToString().Contains(text[20..60], StringComparison.Ordinal));
    }

    [Fact]
    public async Task J10_KeyOfAnotherGate_IsNone()
    {
        await using var one = await Gate.StartAsync(Setup);
        await using var other = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(one, one.Issuer.Token("root"));
        await root.AccountAsync("worker");
        Assert.Equal(GrpcCode.Unauthenticated, await StatusAsync(other, (await root.KeyAsync("worker")).Text));
    }

    // J8: whatever the key was given for, the account's end is its end.
    [Theory]
    [InlineData("""{"disabled":true}""")]
    [InlineData("""{"expiresAt":"2001-01-01T00:00:00Z"}""")]
    [InlineData(null)]
    public async Task J8_KeyOfAnAccountThatEnded_IsRefusedEverywhere(string? change)
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (_, text) = await root.KeyAsync("worker");
        using var worker = new ManagementApiClient(gate, text);
        (await worker.GetAsync("/v1/accounts")).Is(200);
        Assert.Equal(0, await StatusAsync(gate, text));
        (change is null ? await root.DeleteAsync("/v1/accounts/worker") : await root.PutAsync("/v1/accounts/worker", change)).Is(change is null ? 204 : 200);
        Assert.Equal(GrpcCode.Unauthenticated, await StatusAsync(gate, text));
        (await worker.GetAsync("/v1/accounts")).IsProblem(401, "unauthenticated");
    }

    // One that is made anew by the same name is another account: no old key is its.
    [Fact]
    public async Task J8_NameThatIsTakenAgain_DoesNotReviveOldKeys()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (id, text) = await root.KeyAsync("worker");
        (await root.DeleteAsync("/v1/accounts/worker")).Is(204);
        await root.AccountAsync("worker");
        Assert.Equal(GrpcCode.Unauthenticated, await StatusAsync(gate, text));
        Assert.Equal("[]", (await root.GetAsync("/v1/accounts/worker/keys"))["items"]);
        (await root.GetAsync($"/v1/keys/{id}")).IsProblem(404, "not-found");
    }

    [Fact]
    public async Task D8_ManagementPaths_AreUnknownToEveryOtherListener_WhateverTheHost()
    {
        await using var gate = await Gate.StartAsync(Setup with { Listen = "- { address: \"127.0.0.1:0\", protocol: http }" });
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        foreach (var address in new[] { gate.KeysAddress, gate.Listener(1) })
        {
            foreach (var host in new[] { address, gate.AdminAddress, "localhost" })
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{address}/v1/whoami");
                request.Headers.Host = host;
                request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", gate.Issuer.Token("root"));
                using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
                Assert.False(response.IsSuccessStatusCode, $"{address} as {host}");
                Assert.DoesNotContain("test/root", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            }
        }

        Assert.NotEqual(0, (await gate.Client.CallAsync("/v1/whoami", Array.Empty<byte>(), gate.Issuer.Token("root"), TestContext.Current.CancellationToken)).Status);
    }

    [Theory]
    [InlineData("/healthz/../v1/accounts")]
    [InlineData("/%76%31/accounts")]
    [InlineData("/v1/%2e%2e/v1/accounts")]
    [InlineData("/v1/%61ccounts")]
    [InlineData("/v1/./accounts")]
    [InlineData("//v1/accounts")]
    [InlineData("/V1/accounts")]
    [InlineData("/v1/accounts;x=/healthz")]
    [InlineData("/v1/healthz")]
    public async Task D8_OtherSpellingsOfAPath_LeadNowhere(string target)
    {
        await using var gate = await Gate.StartAsync(Setup);
        Assert.Contains("items", await SayAsync("/v1/accounts"), StringComparison.Ordinal);
        var answer = await SayAsync(target);
        Assert.DoesNotContain(" 200 ", answer.Split('\n')[0], StringComparison.Ordinal);
        Assert.DoesNotContain("items", answer, StringComparison.Ordinal);

        // As it came: no client rewrites it.
        async Task<string> SayAsync(string path)
        {
            using var tcp = new System.Net.Sockets.TcpClient();
            await tcp.ConnectAsync(System.Net.IPEndPoint.Parse(gate.AdminAddress), TestContext.Current.CancellationToken);
            await using var stream = tcp.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {gate.AdminAddress}\r\nAuthorization: Bearer {gate.Issuer.Token("root")}\r\nConnection: close\r\n\r\n"), TestContext.Current.CancellationToken);
            using var reader = new StreamReader(stream);
            return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        }
    }

    private static async Task<int> StatusAsync(Gate gate, string token) =>
        (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status;

    private static string Forged(string id) => ApiKeyText.WithChecksum($"pst_{id}_{ApiKeyText.Create().Text[21..64]}");
}
