using System.Collections;

namespace Postern.Configuration;

/// <summary>
/// Turns nodes into options records. It goes on after a problem, so that one run reports all of them; what could not be bound keeps its default, and the
/// caller must not use the result while <see cref="Problems.HasErrors"/>.
/// </summary>
internal sealed class ConfigBinder(Problems problems, Interpolation interpolation, string folder)
{
    // Aliases let a small file stand for a huge one.
    private const int MaxNodes = 100_000;
    private int _nodes;

    public T Bind<T>(ConfigMapping root) where T : class, new() => (T)BindRecord(typeof(T), root, "");

    private object? BindValue(Type type, ConfigNode node, string path, OptionProperty? property)
    {
        if (++_nodes > MaxNodes)
        {
            if (_nodes == MaxNodes + 1)
            {
                problems.Error(path, node.Line, $"the configuration holds more than {MaxNodes} values once its aliases are expanded");
            }

            return null;
        }

        problems.Locate(path, node.Line, type == typeof(Secret) ? null : (node as ConfigScalar)?.Text);
        if (node is ConfigScalar { IsNull: true } && !OptionShape.IsRecord(type))
        {
            problems.Error(path, node.Line, "is named but has no value; write one, or remove the line");
            return null;
        }

        if (OptionShape.ListElement(type) is { } element)
        {
            return BindList(element, node, path, property);
        }

        if (OptionShape.MapValue(type) is { } value)
        {
            return BindMap(value, node, path);
        }

        return OptionShape.IsRecord(type) ? BindRecordNode(type, node, path) : BindScalar(type, node, path, property);
    }

    private object? BindRecordNode(Type type, ConfigNode node, string path)
    {
        if (node is ConfigMapping { Entries.Count: > 0 } mapping)
        {
            return BindRecord(type, mapping, path);
        }

        if (node is ConfigScalar { IsNull: false } word && Attribute.GetCustomAttribute(type, typeof(OneWordAttribute)) is OneWordAttribute oneWord)
        {
            return BindWord(type, oneWord, word, path);
        }

        var keys = string.Join(", ", OptionShape.Properties(type).Select(p => p.Key));
        problems.Error(path, node.Line, node is ConfigScalar { IsNull: true } or ConfigMapping
            ? $"the section is named but empty; remove it, or write some of: {keys}"
            : $"this takes a mapping with some of the keys {keys}, not {node.Kind}");
        return null;
    }

    private object BindRecord(Type type, ConfigMapping mapping, string path)
    {
        problems.Locate(path, mapping.Line);
        var record = Activator.CreateInstance(type)!;
        var properties = OptionShape.Properties(type);
        var byKey = properties.ToDictionary(p => p.Key, StringComparer.Ordinal);
        foreach (var (key, line, node) in mapping.Entries)
        {
            var place = ConfigPath.Join(path, key);
            if (byKey.Remove(key, out var property))
            {
                if (BindValue(property.Type, node, place, property) is { } value)
                {
                    property.Property.SetValue(record, value);
                }
            }
            else if (path.Length > 0 || !key.StartsWith("x-", StringComparison.Ordinal))
            {
                // Keys that begin with x- at the root hold anchors.
                problems.Error(place, line, $"unknown key; {NearestName.Advice(key, [.. properties.Select(p => p.Key)])}");
            }
        }

        foreach (var missing in byKey.Values)
        {
            BindMissing(record, missing, ConfigPath.Join(path, missing.Key), mapping.Line);
        }

        return record;
    }

    private void BindMissing(object record, OptionProperty property, string path, int line)
    {
        if (property.Required is { } required)
        {
            problems.Error(path, line, $"is required; write {property.Key}: {required.Example}");
        }
        else if (OptionShape.IsRecord(property.Type) && property.Property.GetValue(record) is not null)
        {
            // A section that is always there may have required keys of its own.
            foreach (var inner in OptionShape.Properties(property.Type))
            {
                BindMissing(property.Property.GetValue(record)!, inner, ConfigPath.Join(path, inner.Key), line);
            }
        }
    }

    private object? BindWord(Type type, OneWordAttribute oneWord, ConfigScalar word, string path)
    {
        var property = OptionShape.Properties(type).Single(p => p.Property.Name == oneWord.Property);
        var record = Activator.CreateInstance(type)!;
        if (property.Type == typeof(bool))
        {
            if (word.Text != property.Key)
            {
                var keys = OptionShape.Properties(type).Where(p => p.Key != property.Key).Select(p => p.Key);
                problems.Error(path, word.Line, $"'{word.Text}' is not known here; write {property.Key}, or a mapping with one of: {string.Join(", ", keys)}");
                return null;
            }

            property.Property.SetValue(record, true);
            return record;
        }

        if (BindScalar(property.Type, word, path, property) is not { } value)
        {
            return null;
        }

        property.Property.SetValue(record, value);
        return record;
    }

    private IList? BindList(Type element, ConfigNode node, string path, OptionProperty? property)
    {
        if (node is not ConfigList list)
        {
            problems.Error(path, node.Line, node is ConfigScalar scalar ? $"this takes a list; write [{scalar.Text}]" : "this takes a list; begin each entry with '- '");
            return null;
        }

        if (list.Items.Count == 0)
        {
            problems.Error(path, node.Line, "the list is empty and selects nothing; add an entry, or remove the key");
            return null;
        }

        var bound = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(element))!;
        for (var i = 0; i < list.Items.Count; i++)
        {
            // An entry that can't be bound keeps its place, so that validators' paths count as the file does.
            bound.Add(BindValue(element, list.Items[i], $"{path}[{i}]", property) ?? Placeholder(element));
        }

        return bound;
    }

    private static object? Placeholder(Type element) =>
        element == typeof(string) ? "" : element == typeof(Secret) ? new Secret("") : Activator.CreateInstance(element);

    private IDictionary? BindMap(Type valueType, ConfigNode node, string path)
    {
        if (node is not ConfigMapping { Entries.Count: > 0 } mapping)
        {
            problems.Error(path, node.Line, node is ConfigMapping ? "the section is named but empty; remove it" : $"this takes a mapping, not {node.Kind}");
            return null;
        }

        var bound = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), valueType), StringComparer.Ordinal)!;
        foreach (var (key, _, value) in mapping.Entries)
        {
            if (BindValue(valueType, value, ConfigPath.Join(path, key), null) is { } item)
            {
                bound[key] = item;
            }
        }

        return bound;
    }

    private object? BindScalar(Type type, ConfigNode node, string path, OptionProperty? property)
    {
        if (node is not ConfigScalar scalar)
        {
            problems.Error(path, node.Line, $"this takes a single value, not {node.Kind}");
            return null;
        }

        if (type == typeof(Secret))
        {
            return BindSecret(scalar, path);
        }

        if (type == typeof(string))
        {
            return interpolation.Expand(scalar.Text, path, scalar.Line) is { } text ? BindString(text, scalar, path, property) : null;
        }

        if (!ScalarText.TryRead(type, scalar.Text, out var value, out var advice))
        {
            problems.Error(path, scalar.Line, $"'{scalar.Text}' can't be used here; {advice}");
            return null;
        }

        if (property?.Between is { } between && !Within(type, value!, between))
        {
            problems.Error(path, scalar.Line, $"{scalar.Text} is out of range; write {between.Least} to {between.Most}");
            return null;
        }

        return value;
    }

    private string? BindString(string text, ConfigScalar scalar, string path, OptionProperty? property)
    {
        if (text.Length == 0)
        {
            problems.Error(path, scalar.Line, "is empty; write a value, or remove the line");
            return null;
        }

        if (text.AsSpan().ContainsAnyInRange('\0', '\u001f'))
        {
            problems.Error(path, scalar.Line, "holds a line break or another control character; write it on one line");
            return null;
        }

        return property?.Path is { } expected ? ResolvePath(text, expected.Kind, scalar, path) : text;
    }

    private string? ResolvePath(string text, PathKind kind, ConfigScalar scalar, string path)
    {
        var full = Path.GetFullPath(text, folder);
        var isFile = File.Exists(full);
        var isFolder = Directory.Exists(full);
        var wrong = kind switch
        {
            PathKind.File when isFolder => $"'{scalar.Text}' is a folder; name the file in it",
            PathKind.File when !isFile => $"there is no file '{scalar.Text}', or this user may not see it",
            PathKind.FileOrFolder when !isFile && !isFolder => $"there is no file or folder '{scalar.Text}', or this user may not see it",
            PathKind.Folder when isFile => $"'{scalar.Text}' is a file; name a folder",
            _ => null,
        };
        if (wrong is null)
        {
            return full;
        }

        problems.Error(path, scalar.Line, wrong);
        return null;
    }

    private Secret? BindSecret(ConfigScalar scalar, string path)
    {
        if (!Interpolation.HasReference(scalar.Text))
        {
            problems.Warning(path, scalar.Line, "a secret stands in the file itself; write ${env:NAME} or ${file:path}");
        }

        return interpolation.Expand(scalar.Text, path, scalar.Line) is { } text ? new Secret(text) : null;
    }

    private static bool Within(Type type, object value, BetweenAttribute between)
    {
        if (!ScalarText.TryRead(type, between.Least, out var least, out _) || !ScalarText.TryRead(type, between.Most, out var most, out _))
        {
            throw new InvalidOperationException($"The range {between.Least} to {between.Most} isn't written as {type.Name} is.");
        }

        return Compare(least!, value) <= 0 && Compare(value, most!) <= 0;
    }

    private static int Compare(object left, object right) => left is ByteSize size ? size.Bytes.CompareTo(((ByteSize)right).Bytes) : Comparer.Default.Compare(left, right);
}
