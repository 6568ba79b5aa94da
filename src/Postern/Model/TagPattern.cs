namespace Postern.Model;

/// <summary>
/// Patterns over a single tag, made to match the written form of all of an object's tags (<see cref="PrefectNames.Tags"/>) where any of these matches. A <c>*</c> must
/// not reach from one tag into the next, so it stands alone, at the beginning or at the end.
/// </summary>
internal static class TagPattern
{
    /// <summary>What is wrong with the pattern, and what to write instead; null where nothing is.</summary>
    public static string? Fault(string pattern)
    {
        if (pattern.Contains(PrefectNames.TagMark, StringComparison.Ordinal))
        {
            return "a tag can't hold the character U+001F";
        }

        var star = pattern.IndexOf('*', StringComparison.Ordinal);
        if (star < 0 || (star == pattern.LastIndexOf('*') && (star == 0 || star == pattern.Length - 1)))
        {
            return null;
        }

        string[] instead = [pattern[..star] + "*", "*" + pattern[(pattern.LastIndexOf('*') + 1)..]];
        var advice = instead.Where(p => p.Length > 1).Select(p => $"\"{p}\"").DefaultIfEmpty("\"*\"");
        return $"\"{pattern}\" could match across two tags: in a tag's pattern a single * stands at the beginning, at the end, or alone; write {string.Join(" or ", advice)}, or name the tags one by one";
    }

    /// <summary>The pattern over the written form. Whatever has a fault isn't a pattern over a tag.</summary>
    public static Glob OverAll(Glob pattern) =>
        pattern.IsAny ? pattern
        : Fault(pattern.Text) is { } fault ? throw new ArgumentException(fault, nameof(pattern))
        : new Glob($"*{PrefectNames.TagMark}{pattern.Text}{PrefectNames.TagMark}*");
}
