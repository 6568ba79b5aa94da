namespace Postern.Configuration;

/// <summary>A piece of YAML with its line: a scalar, a list, or a mapping with its keys in written order.</summary>
internal abstract class ConfigNode(int line)
{
    /// <summary>Line from 1.</summary>
    public int Line => line;

    /// <summary>What the node is, for messages.</summary>
    public abstract string Kind { get; }
}

internal sealed class ConfigScalar(int line, string text, bool isPlain) : ConfigNode(line)
{
    public string Text => text;

    /// <summary>Written without quotes, so that <c>true</c> and <c>12</c> aren't texts.</summary>
    public bool IsPlain => isPlain;

    /// <summary>Nothing is written (or <c>~</c>, <c>null</c>): named, but without a value. A quoted empty string is a value.</summary>
    public bool IsNull => isPlain && (text is "" or "~" or "null");

    public override string Kind => IsNull ? "nothing" : "a single value";
}

internal sealed class ConfigList(int line, IReadOnlyList<ConfigNode> items) : ConfigNode(line)
{
    public IReadOnlyList<ConfigNode> Items => items;

    public override string Kind => "a list";
}

internal sealed class ConfigMapping(int line, IReadOnlyList<ConfigEntry> entries) : ConfigNode(line)
{
    public IReadOnlyList<ConfigEntry> Entries => entries;

    public override string Kind => "a mapping";

    public ConfigNode? this[string key] => entries.FirstOrDefault(e => e.Key == key).Value;
}

/// <summary>One <c>key: value</c>, with the key's own line.</summary>
internal readonly record struct ConfigEntry(string Key, int Line, ConfigNode Value);
