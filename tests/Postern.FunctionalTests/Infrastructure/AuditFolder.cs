using System.Text.Json;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Reads the gate's audit files while it runs, as an administrator's tools would.</summary>
internal sealed class AuditFolder(string folder)
{
    public string Folder => folder;

    /// <summary>Every whole line of every file, parsed.</summary>
    public IReadOnlyList<AuditLine> Lines()
    {
        if (!Directory.Exists(folder))
        {
            return [];
        }

        var lines = new List<AuditLine>();
        foreach (var file in Directory.EnumerateFiles(folder, "*.jsonl").Order(StringComparer.Ordinal))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(stream);
            var text = reader.ReadToEnd();
            // The last line may be half written while the gate runs.
            var whole = text.LastIndexOf('\n');
            foreach (var line in whole < 0 ? [] : text[..whole].Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                lines.Add(new AuditLine(line));
            }
        }

        return lines;
    }

    /// <summary>Finished records: one per call.</summary>
    public IReadOnlyList<AuditLine> Records() => [.. Lines().Where(line => line["event"] == "call")];

    public string Text() => Directory.Exists(folder) ? string.Concat(Directory.EnumerateFiles(folder, "*.jsonl").Select(Read)) : "";

    private static string Read(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

/// <summary>One line of an audit file.</summary>
internal sealed class AuditLine
{
    private readonly JsonElement _line;

    public AuditLine(string text)
    {
        using var document = JsonDocument.Parse(text);
        _line = document.RootElement.Clone();
        Text = text;
    }

    public string Text { get; }

    public bool IsIntent => this["event"] == "intent";

    public string CallId => this["id"] ?? "";

    public string? this[string name] => _line.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value.ToString() : null;

    public override string ToString() => Text;
}
