namespace Postern.Configuration;

/// <summary>Finds what somebody most likely meant to write.</summary>
internal static class NearestName
{
    /// <summary>The nearest of <paramref name="known"/>, or null where none is near enough to be a typing error.</summary>
    public static string? Of(string written, IEnumerable<string> known)
    {
        string? best = null;
        var least = Math.Max(2, written.Length / 3) + 1;
        foreach (var name in known)
        {
            var distance = Distance(written, name);
            if (distance < least)
            {
                (best, least) = (name, distance);
            }
        }

        return best;
    }

    /// <summary>A clause for a message: what was meant, or all that is known.</summary>
    public static string Advice(string written, IReadOnlyCollection<string> known) =>
        Of(written, known) is { } near ? $"did you mean '{near}'?" : known.Count == 0 ? "nothing is known here" : $"known here: {string.Join(", ", known)}";

    // Optimal string alignment without regard to case: a swap of neighbours counts one.
    private static int Distance(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > 32 || a.Length > 256)
        {
            return int.MaxValue;
        }

        var rows = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            rows[i, 0] = i;
        }

        for (var j = 0; j <= b.Length; j++)
        {
            rows[0, j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = Same(a[i - 1], b[j - 1]) ? 0 : 1;
                var value = Math.Min(Math.Min(rows[i - 1, j] + 1, rows[i, j - 1] + 1), rows[i - 1, j - 1] + cost);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                {
                    value = Math.Min(value, rows[i - 2, j - 2] + 1);
                }

                rows[i, j] = value;
            }
        }

        return rows[a.Length, b.Length];
    }

    private static bool Same(char x, char y) => char.ToLowerInvariant(x) == char.ToLowerInvariant(y);
}
