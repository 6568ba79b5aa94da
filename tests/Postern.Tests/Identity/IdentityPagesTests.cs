using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Postern.FunctionalTests.Infrastructure;
using Postern.Hosting;
using Postern.Engines.Temporal;
using Postern.Policy;
using Postern.Tests.Configuration;

namespace Postern.Tests.Identity;

/// <summary>What the pages on sources of identity show is a configuration and a policy that the gate takes.</summary>
public sealed partial class IdentityPagesTests
{
    private const string Folder = "docs/identity";

    public static TheoryData<string> Pages() => [.. Directory.GetFiles(Repository.Path(Folder), "*.md").Select(file => Path.GetFileName(file)!).Where(name => name != "README.md")];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Samples_Loader_FindsNoProblem(string page)
    {
        var blocks = Block().Matches(Repository.Read($"{Folder}/{page}")).Select(match => match.Groups[1].Value).ToList();
        var configurations = blocks.Where(block => block.Contains("identity:\n", StringComparison.Ordinal)).ToList();
        using var folder = new ConfigurationFolder();
        var issuers = new HashSet<string>();

        Assert.NotEmpty(configurations);
        foreach (var block in configurations)
        {
            var result = folder.Parse(Whole(block, folder));
            Assert.Empty(result.Problems.Select(problem => problem.ToString()));
            issuers.UnionWith(result.Options!.Identity.CallerIssuers());
        }

        var policies = blocks.Where(block => block.StartsWith("bindings:", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(policies);
        foreach (var policy in policies)
        {
            var result = PolicyLoader.Load([folder.Write("sample-policy.yaml", policy)], [.. issuers], EngineCalls.Of(TemporalCatalogue.Load(null)));
            Assert.Empty(result.Problems.Select(problem => problem.ToString()));
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_Index_NamesIt(string page) => Assert.Contains($"({page})", Repository.Read($"{Folder}/README.md"), StringComparison.Ordinal);

    // A sample shows some sections; the rest is any.
    private static string Whole(string block, ConfigurationFolder folder)
    {
        foreach (Match file in File().Matches(block))
        {
            var name = file.Groups[1].Value;
            folder.Write(name, Path.GetExtension(name) switch
            {
                ".json" => new JsonObject { ["keys"] = new JsonArray(TestKey.Es256("k").Public()) }.ToJsonString(),
                ".pem" or ".crt" or ".key" => new TestAuthority().Pem,
                _ => "secret",
            });
        }

        var shown = Section().Matches(block).Select(match => match.Groups[1].Value).ToHashSet();
        var rest = Section().Matches(ConfigurationFolder.Minimal).Where(match => !shown.Contains(match.Groups[1].Value)).Select(match => match.Value);
        return string.Concat([.. rest, block]).Replace("/etc/postern/", folder.Root + "/", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^```yaml\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"/etc/postern/([\w.-]+)")]
    private static partial Regex File();

    [GeneratedRegex(@"^(\w+):.*\n(?: .*\n)*", RegexOptions.Multiline)]
    private static partial Regex Section();
}
