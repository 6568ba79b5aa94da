namespace Postern.Configuration;

/// <summary>
/// Collects every problem of one file. It knows the line of each path that was bound, so that validators, which see options and no text, name paths only.
/// </summary>
internal sealed class Problems(string? file = null)
{
    private readonly List<Problem> _found = [];
    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);

    public bool HasErrors { get; private set; }

    public IReadOnlyList<Problem> Found => [.. _found.OrderBy(p => p.File, StringComparer.Ordinal).ThenBy(p => p.Line)];

    public void Error(string path, string text) => Error(path, LineOf(path), text);

    public void Error(string path, int line, string text)
    {
        HasErrors = true;
        _found.Add(new Problem(path, line, Printable(text)) { File = file });
    }

    public void Warning(string path, string text) => Warning(path, LineOf(path), text);

    public void Warning(string path, int line, string text) => _found.Add(new Problem(path, line, Printable(text), Severity.Warning) { File = file });

    public void AddRange(IEnumerable<Problem> problems)
    {
        foreach (var problem in problems)
        {
            HasErrors |= problem.Severity == Severity.Error;
            _found.Add(problem);
        }
    }

    /// <summary>Remembers where a path stands and how its value is written.</summary>
    public void Locate(string path, int line, string? written = null) => _places[path] = new Place(line, written);

    /// <summary>Whether the file names this path at all.</summary>
    public bool IsWritten(string path) => _places.ContainsKey(path);

    /// <summary>A value as it stands in the file, for messages: an expanded value may be a secret that was put in the wrong place.</summary>
    public string Written(string path) => _places.TryGetValue(path, out var place) && place.Text is { } text ? $"'{text}'" : "the value";

    // Values are quoted as written, and YAML can write any character: none of them may steer a terminal or begin a line in a log.
    private static string Printable(string text) =>
        text.AsSpan().ContainsAnyInRange('\0', '\u001f') || text.AsSpan().ContainsAnyInRange('\u007f', '\u009f') ? string.Concat(text.Select(c => char.IsControl(c) ? '?' : c)) : text;

    // A path that isn't in the file (a required key that is missing) is reported at the nearest section around it.
    private int LineOf(string path)
    {
        for (var rest = path; rest.Length > 0;)
        {
            if (_places.TryGetValue(rest, out var place))
            {
                return place.Line;
            }

            var cut = rest.LastIndexOfAny(['.', '[']);
            rest = cut < 0 ? "" : rest[..cut];
        }

        return _places.TryGetValue("", out var root) ? root.Line : 0;
    }

    private readonly record struct Place(int Line, string? Text);
}
