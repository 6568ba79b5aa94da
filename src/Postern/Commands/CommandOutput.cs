using System.Buffers;
using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Postern.Commands;

/// <summary>Where a verb prints: results to stdout, words about them to stderr, so that a pipe carries results alone.</summary>
internal sealed class CommandOutput
{
    // Control characters are escaped all the same; what this leaves alone only matters inside HTML.
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    /// <summary>How records are written and read as JSON.</summary>
    public static readonly JsonSerializerOptions Plain = new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly TextWriter _results;
    private readonly TextWriter _words;

    public CommandOutput(ParseResult parsed)
    {
        _results = parsed.InvocationConfiguration.Output;
        _words = parsed.InvocationConfiguration.Error;
        IsJson = parsed.GetValue(CommonOptions.Output) == "json";
    }

    public bool IsJson { get; }

    public void Result(string line) => _results.WriteLine(line);

    public void Words(string line) => _words.WriteLine(line);

    public void WordsIfAny(string line)
    {
        if (line.Length > 0)
        {
            Words(line);
        }
    }

    public void Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Indented))
        {
            write(json);
        }

        _results.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }
}
