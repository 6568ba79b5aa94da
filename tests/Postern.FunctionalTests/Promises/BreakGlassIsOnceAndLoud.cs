using System.Text.Json;
using Postern.Commands;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>A credential for emergencies works while identity provider and store are down, for one short session, and nobody can overlook that it does.</summary>
public sealed class BreakGlassIsOnceAndLoud
{
    private static readonly GateSetup Setup = new()
    {
        IdentityExtra = GateAccounts.Configuration,
        PolicyText = """
            bindings:
              - { who: ["group:postern/break-glass"], role: operator, where: { temporal: payments } }
            """,
    };

    [Fact]
    public async Task WithoutIdentityProviderAndStore_ItWorks_ForOneSession_AndIsSeen()
    {
        await using var issuer = await TestIssuer.DownAsync();
        // No database at all: nobody listens there.
        await using var gate = await Gate.StartAsync(Setup with { Issuer = issuer, Extra = "storage: { postgres: \"Host=127.0.0.1;Port=1;Database=postern;Username=postern;Timeout=1\" }" });
        gate.Logs.Expect(line => line.Text.Contains("The store at", StringComparison.Ordinal));
        gate.Logs.Expect(line => line.Text.Contains("BREAK-GLASS", StringComparison.Ordinal));
        var (id, credential) = await CreateAsync(gate, "--name", "ops-lead");

        var allowed = await gate.Client.CallAsync("TerminateWorkflowExecution", Requests.Terminate(), credential, Cancellation);
        Assert.Equal(0, allowed.Status);
        Assert.Equal(0, (await gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), credential, Cancellation)).Status);
        // The policy still judges it.
        Assert.Equal(GrpcCode.PermissionDenied, (await gate.Client.CallAsync("TerminateWorkflowExecution", Requests.Terminate("payroll"), credential, Cancellation)).Status);

        var record = gate.Audit.Records().First(line => line["operation"] == "TerminateWorkflowExecution");
        Assert.Equal(("postern/break-glass.ops-lead", id), (record["caller"], record["credential"]));
        Assert.Single(gate.Logs.Lines, line => line.Text.Contains("BREAK-GLASS", StringComparison.Ordinal) && line.Text.Contains(id, StringComparison.Ordinal));
        Assert.Contains("postern_breakglass_sessions_total 1", await gate.AdminAsync("/metrics"), StringComparison.Ordinal);
        Assert.DoesNotContain(gate.Logs.Lines, line => line.ToString().Contains(credential, StringComparison.Ordinal));
    }

    [Fact]
    public async Task UsedUp_IsRefused_AfterARestartToo()
    {
        await using var gate = await Gate.StartAsync(Setup);
        gate.Logs.Expect(line => line.Text.Contains("BREAK-GLASS", StringComparison.Ordinal));
        var (id, credential) = await CreateAsync(gate, "--name", "ops-lead", "--minutes", "1");
        Assert.Equal(0, (await gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), credential, Cancellation)).Status);

        // As if the session had begun two minutes ago.
        await File.WriteAllTextAsync(Path.Combine(gate.Folder, "data", "keys", "break-glass", id + ".used"), DateTimeOffset.UtcNow.AddMinutes(-2).ToString("O"), Cancellation);
        await gate.RestartAsync();

        var refused = await gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), credential, Cancellation);
        Assert.Equal(GrpcCode.Unauthenticated, refused.Status);
        Assert.Contains("used up", refused.Message, StringComparison.Ordinal);
        Assert.Contains(gate.Logs.Lines, line => line.Text.Contains("was tried again", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ManyFirstCallsAtOnce_BeginOneSession()
    {
        await using var gate = await Gate.StartAsync(Setup);
        gate.Logs.Expect(line => line.Text.Contains("BREAK-GLASS", StringComparison.Ordinal));
        var (_, credential) = await CreateAsync(gate, "--name", "ops-lead");

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), credential, Cancellation)));

        Assert.All(answers, answer => Assert.Equal(0, answer.Status));
        Assert.Single(gate.Logs.Lines, line => line.Text.Contains("BREAK-GLASS", StringComparison.Ordinal));
    }

    [Fact]
    public async Task WhereItsUseCantBeWrittenDown_ItCannotBeTold()
    {
        await using var gate = await Gate.StartAsync(Setup);
        gate.Logs.Expect(line => line.Text.Contains("BREAK-GLASS", StringComparison.Ordinal));
        var (_, credential) = await CreateAsync(gate, "--name", "ops-lead");
        await File.WriteAllTextAsync(Path.Combine(gate.Folder, "data", "keys", "break-glass"), "a file in the folder's place", Cancellation);

        Assert.Equal(GrpcCode.Unavailable, (await gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), credential, Cancellation)).Status);
    }

    [Fact]
    public async Task AlteredOrOfAnotherGate_IsUnauthenticated()
    {
        await using var gate = await Gate.StartAsync(Setup);
        await using var other = await Gate.StartAsync(Setup);
        var (_, credential) = await CreateAsync(gate, "--name", "ops-lead");
        var (_, foreign) = await CreateAsync(other, "--name", "ops-lead");

        foreach (var wrong in new[] { foreign, credential[..^2] + (credential.EndsWith("AA", StringComparison.Ordinal) ? "BB" : "AA"), credential[..20], "pbg_", "pbg_!" })
        {
            Assert.Equal(GrpcCode.Unauthenticated, (await gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), wrong, Cancellation)).Status);
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static async Task<(string Id, string Credential)> CreateAsync(Gate gate, params string[] arguments)
    {
        using var output = new StringWriter();
        Assert.Equal(ExitCodes.Ok, await CommandLine.RunAsync(["break-glass", "create", "--config", gate.ConfigFile, "--output", "json", .. arguments], output, TextWriter.Null, Cancellation));
        using var json = JsonDocument.Parse(output.ToString());
        return (json.RootElement.GetProperty("id").GetString()!, json.RootElement.GetProperty("credential").GetString()!);
    }
}
