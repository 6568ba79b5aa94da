using System.Text.Json;
using Postern.Commands;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Management;

/// <summary>The verbs against a running gate, as a script uses them.</summary>
public sealed class CommandLineTests
{
    private static readonly GateSetup Setup = new() { IdentityExtra = GateAccounts.Configuration };

    [Fact]
    public async Task Account_FromItsMakingToItsEnd()
    {
        await using var gate = await Gate.StartAsync(Setup);
        var root = new Terminal(gate, gate.Issuer.Token("root"));
        Assert.Contains("name: payroll-worker", (await root.RunAsync("account", "create", "payroll-worker", "--kind", "agent", "--owner", "group:test/payroll", "--label", "team=pay", "--namespace", "payroll", "--audience", "https://api.example.com?a=b=orders.read,orders.write", "--expires-in", "30d")).Output, StringComparison.Ordinal);
        var shown = JsonDocument.Parse((await root.RunAsync("account", "show", "payroll-worker", "--output", "json")).Output).RootElement;
        Assert.Equal("agent", shown.GetProperty("kind").GetString());
        Assert.Equal(["orders.read", "orders.write"], shown.GetProperty("audiences").GetProperty("https://api.example.com?a=b").EnumerateArray().Select(scope => scope.GetString()));

        await root.RunAsync("account", "update", "payroll-worker", "--description", "pays", "--expires-in", "never");
        var changed = JsonDocument.Parse((await root.RunAsync("account", "show", "payroll-worker", "--output", "json")).Output).RootElement;
        Assert.Equal(("pays", "group:test/payroll", JsonValueKind.Null), (changed.GetProperty("description").GetString(), changed.GetProperty("owner").GetString(), changed.GetProperty("expiresAt").ValueKind));

        Assert.Contains("disabled: yes", (await root.RunAsync("account", "disable", "payroll-worker")).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("disabled", (await root.RunAsync("account", "enable", "payroll-worker")).Output, StringComparison.Ordinal);
        Assert.Matches("payroll-worker +agent +payroll", (await root.RunAsync("account", "list")).Output);
        Assert.Equal(ExitCodes.Conflict, (await root.TryAsync("account", "create", "payroll-worker")).Exit);
        await root.RunAsync("account", "delete", "payroll-worker");
        var gone = await root.TryAsync("account", "show", "payroll-worker");
        Assert.Equal((ExitCodes.NotThere, ""), (gone.Exit, gone.Output));
        Assert.Contains("There is no account of this name.", gone.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_TextAloneOnStdout_RotatedAndRevoked()
    {
        await using var gate = await Gate.StartAsync(Setup with { PolicyText = GateSetup.Policy + "\n  - { who: [\"account:worker\"], role: worker, where: { temporal: payments } }\n" });
        var root = new Terminal(gate, gate.Issuer.Token("root"));
        await root.RunAsync("account", "create", "worker");
        var (_, text, words) = await root.RunAsync("key", "create", "worker", "--name", "ci", "--expires-in", "30d", "--source", "127.0.0.0/8", "--namespace", "payments", "--role", "worker");
        Assert.Equal(words.Split(" ")[1], Postern.Identity.ApiKeys.ApiKeyText.IdOf(text.TrimEnd()));
        Assert.DoesNotContain(text.TrimEnd('\n'), words, StringComparison.Ordinal);
        Assert.Equal(0, (await gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), text.TrimEnd('\n'), TestContext.Current.CancellationToken)).Status);
        Assert.Matches($"{words.Split(' ')[1]} +ci +live .*{gate.Client.Source}", (await root.RunAsync("key", "list", "worker")).Output);

        var rotated = await root.RunAsync("key", "rotate", words.Split(' ')[1], "--retire-after", "1h");
        Assert.NotEqual(text, rotated.Output);
        Assert.Contains("last used: 20", rotated.Error, StringComparison.Ordinal);
        // With a key of its own the account looks after itself.
        var worker = new Terminal(gate, rotated.Output.TrimEnd('\n'));
        Assert.Contains("state: revoked", (await worker.RunAsync("key", "revoke", rotated.Output.TrimEnd('\n'))).Output, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.NotAllowed, (await worker.TryAsync("key", "list", "worker")).Exit);
    }

    [Fact]
    public async Task User_IsAddedWithAPasswordFromAFile()
    {
        await using var gate = await Gate.StartAsync(Setup);
        var root = new Terminal(gate, gate.Issuer.Token("root"));
        var file = Path.Combine(gate.Folder, "password");
        await File.WriteAllTextAsync(file, "correct horse battery staple\n", TestContext.Current.CancellationToken);
        Assert.Contains("groups: payments, ops", (await root.RunAsync("user", "add", "alice", "--display-name", "Alice", "--group", "payments", "--group", "ops", "--password-file", file)).Output, StringComparison.Ordinal);
        Assert.Matches("alice +Alice +payments, ops", (await root.RunAsync("user", "list")).Output);
        await root.RunAsync("user", "password", "alice", "--password-file", file);
        Assert.Contains("disabled: yes", (await root.RunAsync("user", "disable", "alice")).Output, StringComparison.Ordinal);
        Assert.Contains("groups: payments, ops", (await root.RunAsync("user", "enable", "alice")).Output, StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, "short\n", TestContext.Current.CancellationToken);
        var refused = await root.TryAsync("user", "password", "alice", "--password-file", file);
        Assert.Equal(ExitCodes.Usage, refused.Exit);
        Assert.Contains("shorter than 15", refused.Error, StringComparison.Ordinal);
        await root.RunAsync("user", "remove", "alice");
        Assert.Equal(ExitCodes.NotThere, (await root.TryAsync("user", "remove", "alice")).Exit);
    }

    [Theory]
    [InlineData("token", "abc")]
    [InlineData("session", "fam_1")]
    [InlineData("certificate", "CN=a;01")]
    [InlineData("caller", "test/alice@example.com")]
    public async Task Revocation_IsMadeAndTakenBack(string kind, string value)
    {
        await using var gate = await Gate.StartAsync(Setup);
        var root = new Terminal(gate, gate.Issuer.Token("root"));
        var made = await root.RunAsync("revoke", kind, value, "--forget-after", "1h");
        Assert.Contains($"kind: {kind}\nvalue: {value}\n", made.Output, StringComparison.Ordinal);
        await root.RunAsync("revoke", kind, value, "--lift");
        Assert.Equal(ExitCodes.NotThere, (await root.TryAsync("revoke", kind, value, "--lift")).Exit);
    }

    [Fact]
    public async Task WhatCannotBeDone_SaysWhy()
    {
        await using var gate = await Gate.StartAsync(Setup);
        var nobody = new Terminal(gate, gate.Issuer.Token("nobody"));
        var refused = await nobody.TryAsync("account", "list");
        Assert.Equal(ExitCodes.NotAllowed, refused.Exit);
        Assert.Contains("may not account.manage on the cluster: no binding allows it.", refused.Error, StringComparison.Ordinal);
        Assert.Contains("[call ", refused.Error, StringComparison.Ordinal);

        var away = await nobody.TryAsync("account", "list", "--admin", "127.0.0.1:1");
        Assert.Equal(ExitCodes.Failed, away.Exit);
        Assert.Contains("doesn't answer", away.Error, StringComparison.Ordinal);
        foreach (var (expected, arguments) in new[]
        {
            ("in clear", new[] { "account", "list", "--admin", "192.0.2.1:7239" }), ("in clear", ["account", "list", "--admin", "http://192.0.2.1:7239"]),
            ("--admin takes", ["account", "list", "--admin", "somewhere"]), ("--expires-in takes", ["account", "create", "x", "--expires-in", "soon"]),
            ("--label takes", ["account", "create", "x", "--label", "team"]), ("--retire-after takes", ["key", "rotate", "x", "--retire-after", "later"]),
        })
        {
            var wrong = await nobody.TryAsync(arguments);
            Assert.Equal((ExitCodes.Usage, ""), (wrong.Exit, wrong.Output));
            Assert.Contains(expected, wrong.Error, StringComparison.Ordinal);
        }
    }

    private sealed class Terminal
    {
        private readonly Gate _gate;
        private readonly string _tokenFile;

        public Terminal(Gate gate, string token)
        {
            _gate = gate;
            _tokenFile = Path.Combine(gate.Folder, Guid.NewGuid().ToString("N"));
            File.WriteAllText(_tokenFile, token + "\n");
        }

        public async Task<(int Exit, string Output, string Error)> RunAsync(params string[] arguments)
        {
            var run = await TryAsync(arguments);
            Assert.True(run.Exit == ExitCodes.Ok, $"{run.Exit}: {run.Error}");
            return run;
        }

        public async Task<(int Exit, string Output, string Error)> TryAsync(params string[] arguments)
        {
            await using var output = new StringWriter { NewLine = "\n" };
            await using var error = new StringWriter { NewLine = "\n" };
            string[] where = arguments.Contains("--admin") ? [] : ["--admin", _gate.AdminAddress];
            var exit = await CommandLine.RunAsync([.. arguments, .. where, "--token-file", _tokenFile], output, error, TestContext.Current.CancellationToken);
            return (exit, output.ToString(), error.ToString());
        }
    }
}
