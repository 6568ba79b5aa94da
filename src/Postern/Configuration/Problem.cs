namespace Postern.Configuration;

/// <summary>Whether a problem keeps a configuration from being used.</summary>
internal enum Severity : byte { Error, Warning }

/// <summary>One thing that is wrong with what the operator wrote, said so that it can be put right without reading the code.</summary>
/// <param name="Path">Where: <c>engines.temporal[0].addresses</c>. Empty for the file as a whole.</param>
/// <param name="Line">Line in <see cref="File"/>, from 1; 0 where none is known.</param>
/// <param name="Text">What is wrong and what to write instead. Holds no secret: values are shown as written, never as expanded.</param>
/// <param name="Severity">An error keeps the configuration from being used, a warning doesn't.</param>
internal sealed record Problem(string Path, int Line, string Text, Severity Severity = Severity.Error)
{
    /// <summary>The file, as the operator named it; null where there is none.</summary>
    public string? File { get; init; }

    public override string ToString()
    {
        var place = (File, Line) switch
        {
            (null, 0) => "",
            (null, _) => $"line {Line}: ",
            (_, 0) => $"{File}: ",
            _ => $"{File}:{Line}: ",
        };
        return Path.Length == 0 ? $"{place}{Text}" : $"{place}{Path}: {Text}";
    }
}
