using System.Collections.Immutable;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Reads the shapes that policies are made of, and says what is wrong with those that aren't.</summary>
internal sealed class NodeReader(Problems problems)
{
    public void Error(string path, int line, string text) => problems.Error(path, line, text);

    public void Warning(string path, int line, string text) => problems.Warning(path, line, text);

    /// <summary>The mapping with known keys only; null, reported, where the node is something else.</summary>
    public ConfigMapping? Mapping(ConfigNode node, string path, params IReadOnlyCollection<string> known)
    {
        if (node is not ConfigMapping mapping)
        {
            Error(path, node.Line, $"this holds {node.Kind}; it takes a mapping with {string.Join(", ", known)}");
            return null;
        }

        foreach (var entry in mapping.Entries.Where(e => !known.Contains(e.Key)))
        {
            Error(ConfigPath.Join(path, entry.Key), entry.Line, $"the key is unknown; {NearestName.Advice(entry.Key, known)}");
        }

        return mapping;
    }

    /// <summary>The items of a list of anything; empty, reported, where the node is no list. A key without a value is an empty list.</summary>
    public IEnumerable<(ConfigNode Item, string Path)> Items(ConfigNode? node, string path)
    {
        if (node is ConfigList list)
        {
            return list.Items.Select((item, i) => (item, $"{path}[{i}]"));
        }

        if (node is not (null or ConfigScalar { IsNull: true }))
        {
            Error(path, node.Line, $"this holds {node.Kind}; it takes a list");
        }

        return [];
    }

    /// <summary>One text; null, reported, where the node is something else or empty.</summary>
    public string? Text(ConfigNode node, string path)
    {
        if (node is ConfigScalar { IsNull: false, Text.Length: > 0 } scalar)
        {
            return scalar.Text;
        }

        Error(path, node.Line, $"this holds {(node is ConfigScalar { IsNull: false } ? "an empty text" : node.Kind)}; it takes a single text");
        return null;
    }

    /// <summary>One text or a list of texts. An empty list is reported: a section that is there but selects nothing is a mistake.</summary>
    public List<(string Text, string Path, int Line)> Texts(ConfigNode node, string path)
    {
        var texts = new List<(string, string, int)>();
        if (node is not ConfigList list)
        {
            if (Text(node, path) is { } single)
            {
                texts.Add((single, path, node.Line));
            }

            return texts;
        }

        if (list.Items.Count == 0)
        {
            Error(path, list.Line, "the list is empty and would match nothing; name something or leave the key out");
        }

        for (var i = 0; i < list.Items.Count; i++)
        {
            if (Text(list.Items[i], $"{path}[{i}]") is { } text)
            {
                texts.Add((text, $"{path}[{i}]", list.Items[i].Line));
            }
        }

        return texts;
    }

    public ImmutableArray<Glob> Globs(ConfigNode node, string path) => [.. Texts(node, path).Select(t => t.Text).Distinct(StringComparer.Ordinal).Select(t => new Glob(t))];
}
