using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Postern.Admin;

/// <summary>
/// Pages by a key that has an order: a cursor says behind which one the next page begins. What comes or goes meanwhile makes nothing else appear twice or be
/// left out.
/// </summary>
internal readonly record struct Page(string? After, int Limit)
{
    private const int Default = 100;
    private const int Most = 1000;
    private const string Mark = "1:";

    /// <summary>Reads <c>limit</c> and <c>cursor</c>.</summary>
    public static Page Read(ManagementCall call, out ManagementAnswer? refused)
    {
        refused = null;
        var query = call.Http.Request.Query;
        var limit = Default;
        if (query.TryGetValue("limit", out var text)
            && (text.Count != 1 || !int.TryParse(text[0], NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > Most))
        {
            refused = ManagementAnswer.Invalid("limit", $"takes a number from 1 to {Most}");
        }

        string? after = null;
        if (query.TryGetValue("cursor", out var cursor) && (cursor.Count != 1 || (after = Open(cursor[0]!)) is null))
        {
            refused = ManagementAnswer.Invalid("cursor", "is none that this API gave: begin again without it");
        }

        return new Page(after, limit);
    }

    /// <summary>The page of all that there is, and the cursor of the next one.</summary>
    public (IReadOnlyList<T> Items, string? Next) Of<T>(IEnumerable<T> all, Func<T, string> key)
    {
        var (after, limit) = (After, Limit);
        var found = all.Where(item => after is null || string.CompareOrdinal(key(item), after) > 0).OrderBy(key, StringComparer.Ordinal).Take(limit + 1).ToList();
        return found.Count <= limit ? (found, null) : (found[..limit], Close(key(found[limit - 1])));
    }

    private static string Close(string key) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Mark + key));

    private static string? Open(string cursor)
    {
        if (cursor.Length > 4096 || !Base64Url.IsValid(cursor))
        {
            return null;
        }

        var text = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor));
        return text.StartsWith(Mark, StringComparison.Ordinal) ? text[Mark.Length..] : null;
    }
}
