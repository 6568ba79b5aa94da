using System.Text.RegularExpressions;
using Postern.Tests.Configuration;

namespace Postern.Tests.Telemetry;

/// <summary>docs/metrics.md lists every instrument that any room creates.</summary>
public sealed class MetricsDocumentTests
{
    [Fact]
    public void Document_InstrumentsInTheSources_AreTheSame()
    {
        var created = Directory.GetFiles(Repository.Path("src/Postern"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Regex.Matches(File.ReadAllText(file), """(?:Create(?:Observable)?(?:Counter|UpDownCounter|Gauge|Histogram)(?:<\w+>)?\(|const string \w+ = )\s*"(postern\.[a-z.]+)"(?!\s*\+)"""))
            .Select(m => m.Groups[1].Value).Where(n => n is not ("postern.yaml" or "postern.db")).Distinct(StringComparer.Ordinal);
        var documented = Regex.Matches(Repository.Read("docs/metrics.md"), @"^\| `(postern\.[a-z.]+)` \|", RegexOptions.Multiline).Select(m => m.Groups[1].Value);

        Assert.Equal(created.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }
}
