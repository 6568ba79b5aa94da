using Postern.Configuration;
using Postern.Tests.Commands;
using Postern.Tests.Configuration;

namespace Postern.Tests.Engines.Prefect;

/// <summary>The pages and the samples for Prefect show what the gate takes.</summary>
public sealed class PrefectPageTests : IDisposable
{
    private const string Page = "docs/prefect.md";
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Page, 2)]
    [InlineData("docs/browser-sessions.md", 1)]
    [InlineData("README.md", 2)]
    public void Configurations_OfThePage_AreTaken(string page, int count)
    {
        string[] shown = [.. PageSamples.Of(page).Where(block => block.Contains("\nengines:\n", StringComparison.Ordinal) || block.StartsWith("limits:", StringComparison.Ordinal))];

        Assert.Equal(count, shown.Length);
        // That a name on the network is reached in clear text is a warning; what that takes is on the page.
        Assert.All(shown, block => Assert.DoesNotContain(_folder.Parse(PageSamples.Whole(block, _folder)).Problems, problem => problem.Severity == Severity.Error));
    }

    [Fact]
    public async Task Policy_OfThePage_PassesItsTests()
    {
        var policy = Assert.Single(PageSamples.Of(Page), block => block.Contains("bindings:\n", StringComparison.Ordinal));

        var run = await CommandRun.Of("policy", "test", "--policy", _folder.Write("page.yaml", policy), "--issuer", "okta");

        Assert.Contains("5 tests passed", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Policies_OfTheReadme_AreTaken()
    {
        string[] policies = [.. PageSamples.Of("README.md").Where(block => block.StartsWith("bindings:", StringComparison.Ordinal)).Select((policy, i) => _folder.Write($"{i}.yaml", policy))];

        var run = await CommandRun.Of(["policy", "test", "--issuer", "okta", .. policies.SelectMany(policy => new[] { "--policy", policy })]);

        Assert.Equal(2, policies.Length);
        Assert.Contains("1 tests passed", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Samples_PassTheirTests()
    {
        var run = await CommandRun.Of("policy", "test", "--config", Repository.Path("samples/postern-prefect.yaml"));

        Assert.Contains("2 tests passed", run.Error, StringComparison.Ordinal);
    }
}
