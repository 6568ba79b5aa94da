using System.Collections.Frozen;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Postern.Configuration;

/// <summary>
/// Turns one YAML document into <see cref="ConfigNode"/>s. Built from the parser's events and not from its object model, because that model stops at the
/// first duplicate key, has no bound on depth, and we report every problem.
/// </summary>
internal sealed class YamlReader
{
    /// <summary>Larger files are refused: nobody writes them by hand, and a reload reads them while calls wait for CPU.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    private const int MaxDepth = 32;

    private static readonly FrozenSet<string> CoreTags =
        new[] { "str", "int", "float", "bool", "null", "seq", "map", "merge" }.Select(t => "tag:yaml.org,2002:" + t).ToFrozenSet(StringComparer.Ordinal);

    private readonly Parser _parser;
    private readonly Problems _problems;
    private readonly Dictionary<string, ConfigNode> _anchors = new(StringComparer.Ordinal);

    private YamlReader(Parser parser, Problems problems)
    {
        _parser = parser;
        _problems = problems;
    }

    /// <summary>Reads a file; null, with the problem reported, where it can't be read or isn't YAML.</summary>
    public static ConfigNode? ReadFile(string path, Problems problems)
    {
        try
        {
            if (new FileInfo(path).Length > MaxBytes)
            {
                problems.Error("", 0, $"the file is larger than {MaxBytes / 1024 / 1024} MiB");
                return null;
            }

            return Read(File.ReadAllText(path), problems);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            problems.Error("", 0, e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : $"the file can't be read: {e.Message}");
            return null;
        }
    }

    public static ConfigNode? Read(string text, Problems problems)
    {
        if (text.Length > MaxBytes)
        {
            problems.Error("", 0, $"the text is larger than {MaxBytes / 1024 / 1024} MiB");
            return null;
        }

        var parser = new Parser(new StringReader(text));
        try
        {
            return new YamlReader(parser, problems).ReadDocument();
        }
        catch (YamlException e)
        {
            // A word of the parser's is kept; what follows its first line repeats the position.
            problems.Error("", (int)e.Start.Line, $"this isn't YAML: {e.Message.Split('\n')[0]}");
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or InvalidCastException)
        {
            // The scanner's own assertions fail on some broken texts; a reload must end with a problem and not with the process.
            problems.Error("", (int)(parser.Current?.End.Line ?? 0), "this isn't YAML: it can't be read from about here on");
            return null;
        }
    }

    private ConfigNode? ReadDocument()
    {
        _parser.Consume<StreamStart>();
        if (_parser.Accept<StreamEnd>(out _))
        {
            _problems.Error("", 0, "the file is empty");
            return null;
        }

        _parser.Consume<DocumentStart>();
        var root = ReadNode("", 0);
        _parser.Consume<DocumentEnd>();
        if (_parser.TryConsume<DocumentStart>(out var second))
        {
            _problems.Error("", (int)second.Start.Line, "a second document begins here; write one document per file");
            return null;
        }

        return root;
    }

    private ConfigNode ReadNode(string path, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new YamlException(_parser.Current!.Start, _parser.Current.End, $"nested more than {MaxDepth} levels deep");
        }

        if (_parser.TryConsume<AnchorAlias>(out var alias))
        {
            if (_anchors.TryGetValue(alias.Value.Value, out var known))
            {
                return known;
            }

            throw new YamlException(alias.Start, alias.End, $"'*{alias.Value}' refers to an anchor that isn't defined before it");
        }

        var start = _parser.Accept<NodeEvent>(out var node) ? node : throw new YamlException(_parser.Current!.Start, _parser.Current.End, "a value was expected here");
        CheckTag(path, start);
        ConfigNode read = start switch
        {
            Scalar => ReadScalar(),
            SequenceStart => ReadList(path, depth),
            _ => ReadMapping(path, depth),
        };
        if (!start.Anchor.IsEmpty)
        {
            _anchors[start.Anchor.Value] = read;
        }

        return read;
    }

    private ConfigScalar ReadScalar()
    {
        var scalar = _parser.Consume<Scalar>();
        return new ConfigScalar((int)scalar.Start.Line, scalar.Value, scalar.Style == ScalarStyle.Plain);
    }

    private ConfigList ReadList(string path, int depth)
    {
        var start = _parser.Consume<SequenceStart>();
        var items = new List<ConfigNode>();
        while (!_parser.TryConsume<SequenceEnd>(out _))
        {
            items.Add(ReadNode($"{path}[{items.Count}]", depth + 1));
        }

        return new ConfigList((int)start.Start.Line, items);
    }

    private ConfigMapping ReadMapping(string path, int depth)
    {
        var start = _parser.Consume<MappingStart>();
        var entries = new List<ConfigEntry>();
        var lines = new Dictionary<string, int>(StringComparer.Ordinal);
        var merged = new List<ConfigEntry>();
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            if (!_parser.Accept<Scalar>(out _))
            {
                var at = _parser.Current!;
                throw new YamlException(at.Start, at.End, "a key must be a single word");
            }

            var key = _parser.Consume<Scalar>();
            var line = (int)key.Start.Line;
            var value = ReadNode(ConfigPath.Join(path, key.Value), depth + 1);
            if (key is { Value: "<<", Style: ScalarStyle.Plain })
            {
                Merge(path, line, value, merged);
            }
            else if (lines.TryAdd(key.Value, line))
            {
                entries.Add(new ConfigEntry(key.Value, line, value));
            }
            else
            {
                _problems.Error(ConfigPath.Join(path, key.Value), line, $"the key is written twice, first on line {lines[key.Value]}; keep one");
            }
        }

        // What is written beats what is merged in, wherever the merge stands.
        entries.AddRange(merged.Where(m => lines.TryAdd(m.Key, m.Line)));
        return new ConfigMapping((int)start.Start.Line, entries);
    }

    private void Merge(string path, int line, ConfigNode value, List<ConfigEntry> merged)
    {
        IReadOnlyList<ConfigNode> sources = value is ConfigList list ? list.Items : [value];
        foreach (var source in sources)
        {
            if (source is ConfigMapping mapping)
            {
                merged.AddRange(mapping.Entries);
            }
            else
            {
                _problems.Error(path, line, $"'<<' takes a mapping, not {source.Kind}");
            }
        }
    }

    private void CheckTag(string path, NodeEvent node)
    {
        if (!node.Tag.IsEmpty && !node.Tag.IsNonSpecific && !CoreTags.Contains(node.Tag.Value))
        {
            _problems.Error(path, (int)node.Start.Line, $"the tag {node.Tag} has no meaning here; remove it");
        }
    }
}
