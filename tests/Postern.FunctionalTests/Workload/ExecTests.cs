using Postern.Commands;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Workload;

/// <summary><c>postern token</c> and <c>postern exec</c> as a shell runs them.</summary>
public sealed class ExecTests
{
    [Fact]
    public async Task Token_IsPrintedAlone()
    {
        await using var endpoint = await StubTokenEndpoint.StartAsync();

        var (code, output, error) = await RunAsync(endpoint, "token");

        Assert.Equal((ExitCodes.Ok, "token-1\n", ""), (code, output, error));
    }

    [Fact]
    public async Task RefusedIdentity_IsSaidInWords_WithoutTheKey()
    {
        await using var endpoint = await StubTokenEndpoint.StartAsync();
        endpoint.Token = _ => null;

        var (code, output, error) = await RunAsync(endpoint, "token");

        Assert.Equal((ExitCodes.Failed, ""), (code, output));
        Assert.Contains("The account ci is disabled.", error, StringComparison.Ordinal);
        Assert.DoesNotContain("pst_key", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exec_GivesTheTokenInEnvironmentAndFile_AndItsOwnExitCode()
    {
        await using var endpoint = await StubTokenEndpoint.StartAsync();
        var folder = Directory.CreateTempSubdirectory("postern-").FullName;
        var seen = Path.Combine(folder, "seen");

        var (code, _, _) = await RunAsync(
            endpoint, "exec", "--", "sh", "-c", $"echo \"$TEMPORAL_API_KEY $PREFECT_API_AUTH_STRING $POSTERN_TOKEN $(cat $POSTERN_TOKEN_FILE) $(stat -c %a $POSTERN_TOKEN_FILE) [$POSTERN_KEY]\" > {seen}; echo $POSTERN_TOKEN_FILE >> {seen}; exit 7");

        var lines = await File.ReadAllLinesAsync(seen, TestContext.Current.CancellationToken);
        Assert.Equal((7, "token-1 postern:token-1 token-1 token-1 600 []"), (code, lines[0]));
        Assert.False(File.Exists(lines[1]));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Exec_KeepsTheFileFresh_WhileTheProgramRuns()
    {
        await using var endpoint = await StubTokenEndpoint.StartAsync();
        endpoint.Life = 2;

        var (code, _, _) = await RunAsync(
            endpoint, "exec", "--", "sh", "-c", "while [ \"$(cat $POSTERN_TOKEN_FILE)\" != token-3 ]; do sleep 0.1; done");

        Assert.Equal(0, code);
        Assert.True(endpoint.Clients.Count >= 3);
    }

    [Fact]
    public async Task Exec_OfWhatIsNoProgram_SaysSo()
    {
        await using var endpoint = await StubTokenEndpoint.StartAsync();

        var (code, _, error) = await RunAsync(endpoint, "exec", "--", "/nowhere/program");

        Assert.Equal(127, code);
        Assert.Contains("/nowhere/program can't be run", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("token", "--gate", "https://gate.example")]
    [InlineData("token", "--account", "ci", "--key-file", "/nowhere")]
    [InlineData("token", "--gate", "not a url", "--account", "ci", "--key-file", "/nowhere")]
    [InlineData("token", "--gate", "https://gate.example", "--account", "ci", "--key-file", "a", "--workload-file", "b")]
    [InlineData("token", "--gate", "https://gate.example", "--profile", "prod")]
    [InlineData("token", "--profile", "../prod")]
    [InlineData("token", "--profile", "nobody-is-here")]
    [InlineData("token", "--gate", "http://gate.example", "--account", "ci", "--key-file", "a")]
    [InlineData("agent", "--gate", "https://gate.example", "--account", "ci", "--key-file", "a", "--listen", "0.0.0.0:7243")]
    public async Task ArgumentsThatSayTooLittle_AreUsage(params string[] arguments)
    {
        using var error = new StringWriter();
        Assert.Equal(ExitCodes.Usage, await CommandLine.RunAsync(arguments, TextWriter.Null, error, TestContext.Current.CancellationToken));
        Assert.NotEmpty(error.ToString());
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(StubTokenEndpoint endpoint, params string[] arguments)
    {
        var key = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(key, "pst_key\n");
            using var output = new StringWriter { NewLine = "\n" };
            using var error = new StringWriter { NewLine = "\n" };
            string[] all = [arguments[0], "--token-endpoint", endpoint.Url.ToString(), "--account", "ci", "--key-file", key, .. arguments[1..]];
            return (await CommandLine.RunAsync(all, output, error, TestContext.Current.CancellationToken), output.ToString(), error.ToString());
        }
        finally
        {
            File.Delete(key);
        }
    }
}
