using System.Text;
using Postern.Configuration;

namespace Postern.Tests.Configuration;

/// <summary>The reference tables of docs/configuration.md, from the options types.</summary>
internal static class ReferenceWriter
{
    public static string Write()
    {
        var text = new StringBuilder();
        Write(text, new OptionDocs(), typeof(PosternOptions), "");
        return text.ToString();
    }

    private static void Write(StringBuilder text, OptionDocs docs, Type type, string path)
    {
        text.Append("\n## ").Append(path.Length == 0 ? "The file" : $"`{path}`").Append("\n\n").Append(docs.Of(type)).Append("\n\n");
        text.Append("| key | value | default | meaning |\n|---|---|---|---|\n");
        var defaults = Activator.CreateInstance(type)!;
        foreach (var property in OptionShape.Properties(type))
        {
            text.Append("| `").Append(property.Key).Append("` | ").Append(Kind(property.Type, property)).Append(" | ")
                .Append(Default(property, defaults)).Append(" | ").Append(docs.Of(type, property).Replace("|", "\\|", StringComparison.Ordinal)).Append(" |\n");
        }

        foreach (var property in OptionShape.Properties(type))
        {
            var inner = ConfigPath.Join(path, property.Key);
            if (OptionShape.ListElement(property.Type) is { } element && OptionShape.IsRecord(element))
            {
                Write(text, docs, element, inner + "[]");
            }
            else if (OptionShape.IsRecord(property.Type))
            {
                Write(text, docs, property.Type, inner);
            }
        }
    }

    private static string Default(OptionProperty property, object record)
    {
        if (SchemaWriter.IsRequired(property, record))
        {
            return "**required**";
        }

        return ScalarText.Write(property.Property.GetValue(record)) is { } value ? $"`{value}`" : "";
    }

    private static string Kind(Type type, OptionProperty property)
    {
        if (OptionShape.ListElement(type) is { } element)
        {
            return "list of " + (OptionShape.IsRecord(element) ? "mappings" : Kind(element, property) + "s");
        }

        if (OptionShape.MapValue(type) is { } value)
        {
            return "mapping to " + Kind(value, property);
        }

        if (OptionShape.IsRecord(type))
        {
            return Attribute.IsDefined(type, typeof(OneWordAttribute)) ? "word or mapping" : "mapping";
        }

        var range = property.Between is { } between ? $", {between.Least} to {between.Most}" : "";
        return type == typeof(Secret) ? "secret"
            : type == typeof(bool) ? "`true`, `false`"
            : type == typeof(int) ? "number" + range
            : type == typeof(TimeSpan) ? "duration" + range
            : type == typeof(ByteSize) ? "size" + range
            : type.IsEnum ? string.Join(", ", ScalarText.Words(type).Select(w => $"`{w}`"))
            : property.Path is not null ? "path" : "text";
    }
}
