using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Audit;
using Postern.Model;
using Postern.Tests.Configuration;

namespace Postern.Tests.Audit;

/// <summary>docs/audit.md says what the code does.</summary>
public sealed class AuditDocumentTests
{
    private readonly string _document = Repository.Read("docs/audit.md");

    [Fact]
    public void Fields_OfAFullRecord_AreTheDocumentedOnesInTheirOrder()
    {
        using var lines = new AuditLines();
        lines.Add(AuditEvent.Call, AuditLinesTests.Full);
        using var json = JsonDocument.Parse(lines.Written);

        Assert.Equal(json.RootElement.EnumerateObject().Select(p => p.Name), Rows("Fields"));
    }

    [Fact]
    public void Lines_OfTheDocument_AreThoseOfTheCode() =>
        Assert.Equal([.. Enum.GetNames<AuditEvent>().Select(n => n.ToLowerInvariant()), "gap", "torn"], Rows("Lines"));

    [Theory]
    [InlineData("progress")]
    [InlineData("read")]
    public void Classes_OfTheDocument_AreTheDefaults(string name)
    {
        var row = _document.Split('\n').Single(l => l.StartsWith($"| `{name}` |", StringComparison.Ordinal));
        var expected = Permissions.All.Where(p => AuditClasses.Default(p).ToString().Equals(name, StringComparison.OrdinalIgnoreCase)).Select(p => p.Name());

        Assert.Equal(expected.Order(StringComparer.Ordinal), Regex.Matches(row, @"`([\w-]+\.[\w-]+)`").Select(m => m.Groups[1].Value).Order(StringComparer.Ordinal));
    }

    private IEnumerable<string> Rows(string section)
    {
        var start = _document.IndexOf($"\n## {section}\n", StringComparison.Ordinal);
        var end = _document.IndexOf("\n## ", start + 1, StringComparison.Ordinal);
        return Regex.Matches(_document[start..end], @"^\| `(\w+)` \|", RegexOptions.Multiline).Select(m => m.Groups[1].Value);
    }
}
