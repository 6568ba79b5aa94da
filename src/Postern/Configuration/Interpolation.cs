using System.Text;

namespace Postern.Configuration;

/// <summary>
/// Replaces <c>${env:NAME}</c> and <c>${file:path}</c> in a value; <c>$${</c> stands for <c>${</c> itself. What comes in is never read again for more of them.
/// </summary>
internal sealed class Interpolation(string folder, Func<string, string?> environment, Problems problems)
{
    private const int MaxFileBytes = 64 * 1024;
    private readonly List<string> _files = [];

    /// <summary>Files whose content went into the configuration; a change of one is a change of the configuration.</summary>
    public IReadOnlyList<string> Files => _files;

    /// <summary>True where the text holds a reference, so that its value doesn't stand in the file itself.</summary>
    public static bool HasReference(string text) => Find(text, 0) >= 0;

    /// <summary>The expanded text; null, with the problem reported, where a reference can't be followed.</summary>
    public string? Expand(string text, string path, int line)
    {
        if (!text.Contains("${", StringComparison.Ordinal))
        {
            return text;
        }

        var result = new StringBuilder();
        var at = 0;
        for (var open = Find(text, 0); open >= 0; open = Find(text, at))
        {
            result.Append(Literal(text[at..open]));
            var close = text.IndexOf('}', open);
            if (close < 0)
            {
                problems.Error(path, line, "a '${' isn't closed; write ${env:NAME} or ${file:path}, or $${ for the two characters themselves");
                return null;
            }

            if (Follow(text[(open + 2)..close], path, line) is not { } value)
            {
                return null;
            }

            result.Append(value);
            at = close + 1;
        }

        return result.Append(Literal(text[at..])).ToString();
    }

    private static string Literal(string written) => written.Replace("$${", "${", StringComparison.Ordinal);

    private static int Find(string text, int from)
    {
        for (var at = text.IndexOf("${", from, StringComparison.Ordinal); at >= 0; at = text.IndexOf("${", at + 2, StringComparison.Ordinal))
        {
            if (at == 0 || text[at - 1] != '$')
            {
                return at;
            }
        }

        return -1;
    }

    private string? Follow(string reference, string path, int line)
    {
        if (reference.StartsWith("env:", StringComparison.Ordinal))
        {
            var name = reference["env:".Length..];
            var value = environment(name);
            if (string.IsNullOrEmpty(value))
            {
                problems.Error(path, line, $"the environment variable {name} is not set; set it where postern starts, or use ${{file:path}}");
                return null;
            }

            return value;
        }

        if (reference.StartsWith("file:", StringComparison.Ordinal))
        {
            return ReadFile(reference["file:".Length..], path, line);
        }

        problems.Error(path, line, $"'${{{reference}}}' is not a reference; write ${{env:NAME}} or ${{file:path}}, or $${{ for the two characters themselves");
        return null;
    }

    private string? ReadFile(string name, string path, int line)
    {
        try
        {
            var full = Path.GetFullPath(name, folder);
            _files.Add(full);
            if (new FileInfo(full).Length > MaxFileBytes)
            {
                problems.Error(path, line, $"{name} is larger than {MaxFileBytes / 1024} KiB; a secret is a short file");
                return null;
            }

            var value = File.ReadAllText(full).TrimEnd('\r', '\n');
            if (value.Length > 0)
            {
                return value;
            }

            problems.Error(path, line, $"the file {name} is empty");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            var why = e is FileNotFoundException or DirectoryNotFoundException ? "doesn't exist" : e is UnauthorizedAccessException ? "may not be read by this user" : "can't be read";
            problems.Error(path, line, $"the file {name} {why}");
        }

        return null;
    }
}
