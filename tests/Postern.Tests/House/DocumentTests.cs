using System.Text.RegularExpressions;
using Postern.Tests.Configuration;

namespace Postern.Tests.House;

/// <summary>What the documents point to is there: files, headings, and the tests that hold promises.</summary>
public sealed partial class DocumentTests
{
    private const string Promises = "tests/Postern.FunctionalTests/Promises";

    public static TheoryData<string> Documents() =>
    [
        .. Directory.GetFiles(Repository.Path("."), "*.md")
            .Concat(new[] { "docs", "samples", "src" }.SelectMany(folder => Directory.GetFiles(Repository.Path(folder), "*.md", SearchOption.AllDirectories)))
            .Select(file => Path.GetRelativePath(Repository.Path("."), file)).Where(file => !file.Contains("node_modules", StringComparison.Ordinal)),
    ];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_LeadToWhatIsThere(string document)
    {
        var missing = Link().Matches(Code().Replace(Repository.Read(document), "")).Select(match => match.Groups[1].Value)
            .Where(link => !link.Contains("://", StringComparison.Ordinal) && !link.StartsWith("mailto:", StringComparison.Ordinal) && !IsThere(document, link));

        Assert.Empty(missing);
    }

    [Fact]
    public void Promises_NameTestsThatAreThere()
    {
        var rows = Repository.Read("SECURITY.md").Split('\n').Where(line => Promise().IsMatch(line)).ToList();
        var named = rows.SelectMany(row => Name().Matches(row[row.TrimEnd(' ', '|').LastIndexOf('|')..]).Select(match => match.Groups[1].Value)).ToList();

        Assert.True(named.Count > 40, $"{named.Count} tests are named");
        Assert.All(named, name => Assert.True(File.Exists(Repository.Path($"{Promises}/{name}.cs")), name));
    }

    private static bool IsThere(string document, string link)
    {
        var (path, anchor) = link.IndexOf('#', StringComparison.Ordinal) is var mark and >= 0 ? (link[..mark], link[(mark + 1)..]) : (link, "");
        var target = path.Length == 0 ? document : Path.Combine(Path.GetDirectoryName(document)!, path);
        return anchor.Length == 0
            ? Path.Exists(Repository.Path(target))
            : File.Exists(Repository.Path(target)) && Heading().Matches(Repository.Read(target)).Any(match => Anchor(match.Groups[1].Value) == anchor);
    }

    // As the places that show Markdown make it of a heading.
    private static string Anchor(string heading) => string.Concat(heading.Trim().ToLowerInvariant().Replace(' ', '-').Where(c => char.IsLetterOrDigit(c) || c is '-' or '_'));

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("^```.*?^```|`[^`\n]*`", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"^\| .+ \| (`\w+`(, )?)+ \|$")]
    private static partial Regex Promise();

    [GeneratedRegex(@"`(\w+)`")]
    private static partial Regex Name();
}
