using Postern.Hosting;
using Postern.Engines.Temporal;
using Postern.Policy;
using Postern.Tests.Configuration;

namespace Postern.Tests.Identity;

/// <summary>What the pages on sources of identity show is a configuration and a policy that the gate takes.</summary>
public sealed class IdentityPagesTests
{
    private const string Folder = "docs/identity";

    public static TheoryData<string> Pages() => [.. Directory.GetFiles(Repository.Path(Folder), "*.md").Select(file => Path.GetFileName(file)!).Where(name => name != "README.md")];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Samples_Loader_FindsNoProblem(string page)
    {
        var blocks = PageSamples.Of($"{Folder}/{page}");
        var configurations = blocks.Where(block => block.Contains("identity:\n", StringComparison.Ordinal)).ToList();
        using var folder = new ConfigurationFolder();
        var issuers = new HashSet<string>();

        Assert.NotEmpty(configurations);
        foreach (var block in configurations)
        {
            var result = folder.Parse(PageSamples.Whole(block, folder));
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
}
