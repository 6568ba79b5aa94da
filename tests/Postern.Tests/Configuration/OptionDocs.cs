using System.Text.RegularExpressions;
using Postern.Configuration;

namespace Postern.Tests.Configuration;

/// <summary>The summaries of options, read from their sources: what stands there is what schema and reference say.</summary>
internal sealed partial class OptionDocs
{
    private readonly Dictionary<string, string> _summaries = new(StringComparer.Ordinal);

    public OptionDocs()
    {
        foreach (var file in Directory.GetFiles(Repository.Path("src/Postern"), "*Options.cs", SearchOption.AllDirectories))
        {
            Read(File.ReadAllLines(file));
        }
    }

    public string Of(Type record) => _summaries.GetValueOrDefault(record.Name) ?? throw new InvalidOperationException($"{record.Name} has no summary.");

    public string Of(Type record, OptionProperty property) =>
        _summaries.GetValueOrDefault($"{record.Name}.{property.Property.Name}") ?? throw new InvalidOperationException($"{record.Name}.{property.Property.Name} has no summary.");

    private void Read(string[] lines)
    {
        var type = "";
        var summary = new List<string>();
        foreach (var line in lines.Select(l => l.Trim()))
        {
            if (line.StartsWith("///", StringComparison.Ordinal))
            {
                summary.Add(line[3..].Trim());
            }
            else if (TypeName().Match(line) is { Success: true } declared)
            {
                type = declared.Groups[1].Value;
                Keep(type, summary);
            }
            else if (PropertyName().Match(line) is { Success: true } property)
            {
                Keep($"{type}.{property.Groups[1].Value}", summary);
            }
            else if (line.Length == 0)
            {
                summary.Clear();
            }
        }
    }

    private void Keep(string name, List<string> summary)
    {
        var text = Regex.Replace(string.Join(' ', summary), "</?summary>", "").Trim();
        text = CodeElement().Replace(text, "`$1`");
        text = Reference().Replace(text, m => $"`{OptionShape.Camel(m.Groups[1].Value.Split('.')[^1])}`");
        if (text.Length > 0)
        {
            _summaries[name] = text.Replace("&lt;", "<", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal);
        }

        summary.Clear();
    }

    [GeneratedRegex(@"^internal sealed record (\w+)")]
    private static partial Regex TypeName();

    [GeneratedRegex(@"^public [^=(]+? (\w+) \{ get; init; \}")]
    private static partial Regex PropertyName();

    [GeneratedRegex("<c>(.*?)</c>")]
    private static partial Regex CodeElement();

    [GeneratedRegex("""<see cref="([^"]+)"\s*/>""")]
    private static partial Regex Reference();
}
