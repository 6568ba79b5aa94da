using System.Text.Json;

namespace Postern.Commands.Management;

/// <summary>Prints what the API answered: columns for people, the API's own JSON for machines.</summary>
internal static class Shown
{
    /// <summary>A table; the first row of which names the columns.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="items">The rows.</param>
    /// <param name="columns">Each with the member, or members by dots, that it shows.</param>
    public static void Table(CommandOutput output, IReadOnlyList<JsonElement> items, params (string Title, Func<JsonElement, string> Cell)[] columns)
    {
        if (output.IsJson)
        {
            output.Json(json =>
            {
                json.WriteStartArray();
                foreach (var item in items)
                {
                    item.WriteTo(json);
                }

                json.WriteEndArray();
            });
            return;
        }

        List<string[]> rows = [[.. columns.Select(c => c.Title)], .. items.Select(item => columns.Select(c => c.Cell(item)).ToArray())];
        int[] widths = [.. columns.Select((_, i) => rows.Max(row => row[i].Length))];
        foreach (var row in rows)
        {
            output.Result(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd());
        }
    }

    /// <summary>One thing: a line per member that says anything.</summary>
    public static void One(CommandOutput output, JsonElement item)
    {
        if (output.IsJson)
        {
            output.Json(item.WriteTo);
            return;
        }

        foreach (var member in item.EnumerateObject())
        {
            var text = Text(member.Value);
            if (text.Length > 0)
            {
                output.Result($"{member.Name}: {text}");
            }
        }
    }

    /// <summary>A member as people read it; empty where it isn't there.</summary>
    public static string Member(JsonElement item, string name) => item.TryGetProperty(name, out var value) ? Text(value) : "";

    public static Func<JsonElement, string> Of(string name) => item => Member(item, name);

    /// <summary>A moment to the minute, in UTC.</summary>
    public static Func<JsonElement, string> Moment(string name) =>
        item => item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetDateTimeOffset().UtcDateTime.ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture) : "never";

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(Text)),
        JsonValueKind.Object => string.Join(", ", value.EnumerateObject().Select(member => Text(member.Value) is { Length: > 0 } text ? $"{member.Name}={text}" : member.Name)),
        JsonValueKind.Null or JsonValueKind.Undefined => "",
        JsonValueKind.True => "yes",
        JsonValueKind.False => "",
        // Names come from others: nothing of theirs may steer a terminal.
        _ => string.Concat(value.ToString().Select(c => char.IsControl(c) ? '?' : c)),
    };
}
