namespace Postern.Model;

/// <summary>
/// A pattern over a whole name in which only <c>*</c> is special. Compared exactly, case included; matched in time linear in the name, whatever the pattern,
/// since names come from callers.
/// </summary>
internal sealed class Glob
{
    private readonly Piece[] _middle;

    public Glob(string text)
    {
        Text = text;
        var pieces = text.Split('*');
        IsExact = pieces.Length == 1;
        Prefix = pieces[0];
        Suffix = IsExact ? "" : pieces[^1];
        _middle = IsExact ? [] : [.. pieces[1..^1].Where(p => p.Length > 0).Select(p => new Piece(p))];
        IsAny = !IsExact && Prefix.Length + Suffix.Length + _middle.Length == 0;
        IsPrefix = !IsExact && Prefix.Length > 0 && Suffix.Length + _middle.Length == 0;
    }

    /// <summary>The pattern as written.</summary>
    public string Text { get; }

    /// <summary>No <c>*</c> in it.</summary>
    public bool IsExact { get; }

    /// <summary>Nothing but <c>*</c>: matches every name.</summary>
    public bool IsAny { get; }

    /// <summary>Text and nothing but <c>*</c> behind it: matches every name that begins with the text.</summary>
    public bool IsPrefix { get; }

    /// <summary>What stands before the first <c>*</c>; the whole text where there is none.</summary>
    public string Prefix { get; }

    /// <summary>What stands behind the last <c>*</c>; empty where there is none.</summary>
    public string Suffix { get; }

    public bool Matches(string name) => IsExact ? string.Equals(Text, name, StringComparison.Ordinal) : Matches(name.AsSpan());

    /// <summary>For a pattern that is asked once.</summary>
    public static bool IsMatch(string pattern, string name) => new Glob(pattern).Matches(name);

    private bool Matches(ReadOnlySpan<char> name)
    {
        if (name.Length < Prefix.Length + Suffix.Length
            || !name.StartsWith(Prefix, StringComparison.Ordinal) || !name.EndsWith(Suffix, StringComparison.Ordinal))
        {
            return false;
        }

        // Leftmost is always good enough: what a piece leaves behind can only grow by taking it earlier.
        var rest = name[Prefix.Length..^Suffix.Length];
        foreach (var piece in _middle)
        {
            var end = piece.EndIn(rest);
            if (end < 0)
            {
                return false;
            }

            rest = rest[end..];
        }

        return true;
    }

    public override string ToString() => Text;

    // Knuth-Morris-Pratt: a plain search would be quadratic in a name that a caller can make megabytes long.
    private sealed class Piece
    {
        private readonly string _text;
        private readonly int[] _border;

        public Piece(string text)
        {
            _text = text;
            _border = new int[text.Length];
            for (int i = 1, length = 0; i < text.Length; i++)
            {
                while (length > 0 && text[i] != text[length])
                {
                    length = _border[length - 1];
                }

                length += text[i] == text[length] ? 1 : 0;
                _border[i] = length;
            }
        }

        /// <summary>Where the first occurrence ends, or -1.</summary>
        public int EndIn(ReadOnlySpan<char> name)
        {
            for (int i = 0, length = 0; i < name.Length; i++)
            {
                while (length > 0 && name[i] != _text[length])
                {
                    length = _border[length - 1];
                }

                length += name[i] == _text[length] ? 1 : 0;
                if (length == _text.Length)
                {
                    return i + 1;
                }
            }

            return -1;
        }
    }
}
