using System.CommandLine;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Postern.Commands;
using Postern.Tests.Configuration;

namespace Postern.Tests.Commands;

public sealed class CommandLineTests
{
    public static TheoryData<string> Verbs() => [.. Leaves(CommandLine.Create(), "")];

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Help_EveryVerb_ShowsExamplesOfItself(string verb)
    {
        var run = await CommandRun.Of([.. verb.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);

        Assert.Equal(ExitCodes.Ok, run.ExitCode);
        Assert.Contains($"  postern {verb}", run.Output[run.Output.IndexOf("Examples:", StringComparison.Ordinal)..], StringComparison.Ordinal);
        Assert.Empty(run.Error);
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public void Document_EveryVerbAndOption_IsDescribed(string verb)
    {
        var document = Repository.Read("docs/cli.md");
        var command = verb.Split(' ').Aggregate((Command)CommandLine.Create(), (at, word) => at.Subcommands.Single(c => c.Name == word));

        Assert.Contains($"## postern {verb}\n", document, StringComparison.Ordinal);
        var section = document[document.IndexOf($"## postern {verb}\n", StringComparison.Ordinal)..];
        section = section[..(section.IndexOf("\n## ", 1, StringComparison.Ordinal) is > 0 and var end ? end : section.Length)];
        Assert.All(command.Options.Where(o => o.Name != "--help"), o => Assert.Contains($"`{o.Name}", section, StringComparison.Ordinal));
    }

    [Fact]
    public void Document_ExitCodes_AreThoseOfTheCode()
    {
        var rows = Repository.Read("docs/cli.md").Split('\n').Where(l => l.StartsWith("| ", StringComparison.Ordinal) && char.IsDigit(l[2]))
            .Select(l => int.Parse(l.Split('|')[1].Trim(), CultureInfo.InvariantCulture));
        var codes = typeof(ExitCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (int)f.GetRawConstantValue()!);

        Assert.Equal(codes.Order(), rows);
    }

    [Theory]
    [InlineData("chek")]
    [InlineData("check", "--bogus")]
    [InlineData("check", "--output", "xml")]
    [InlineData]
    public async Task Run_NotUnderstood_SaysSoOnStderrOnly(params string[] arguments)
    {
        var run = await CommandRun.Of(arguments);

        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Empty(run.Output);
        Assert.Contains("postern --help", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_Json_HoldsTheVersion()
    {
        var run = await CommandRun.Of("version", "--output", "json");

        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal(ExitCodes.Ok, run.ExitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+", json.RootElement.GetProperty("version").GetString());
        Assert.Contains(json.RootElement.GetProperty("version").GetString()!, (await CommandRun.Of("version")).Output, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Leaves(Command command, string path) => command.Subcommands.Count == 0
        ? [path]
        : command.Subcommands.SelectMany(c => Leaves(c, path.Length == 0 ? c.Name : $"{path} {c.Name}"));
}
