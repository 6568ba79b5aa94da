using System.Buffers;

namespace Postern.Configuration;

/// <summary>Names that operators give to what they configure.</summary>
internal static class Names
{
    private static readonly SearchValues<char> Characters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    /// <summary>
    /// Reports names that couldn't stand in a caller's name, a metric's label or a policy, and those given twice.
    /// Names that weren't written are the binder's to report.
    /// </summary>
    public static void Check(IReadOnlyList<string> names, Func<int, string> pathOf, Problems problems)
    {
        var first = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < names.Count; i++)
        {
            if (names[i].Length == 0)
            {
                continue;
            }

            if (names[i].Length > 64 || names[i].AsSpan().ContainsAnyExcept(Characters))
            {
                problems.Error(pathOf(i), $"{problems.Written(pathOf(i))} can't be a name; write at most 64 letters, digits, '-' and '_'");
            }
            else if (!first.TryAdd(names[i], i))
            {
                problems.Error(pathOf(i), $"{problems.Written(pathOf(i))} is the name of {pathOf(first[names[i]])} already; names are unique, whatever their case");
            }
        }
    }
}
