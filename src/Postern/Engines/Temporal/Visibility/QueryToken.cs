namespace Postern.Engines.Temporal.Visibility;

internal enum QueryTokenKind : byte
{
    End,

    /// <summary>A bare word: a keyword or the name of a search attribute.</summary>
    Word,

    /// <summary>A name between backticks.</summary>
    Name,

    /// <summary>A string between single or double quotes.</summary>
    Text,

    Number,

    /// <summary>A comparison, a parenthesis or a comma.</summary>
    Symbol,
}

/// <summary>One token of a query.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">What it says, without quotes.</param>
/// <param name="Start">Where it begins.</param>
/// <param name="End">Behind its last character.</param>
internal readonly record struct QueryToken(QueryTokenKind Kind, string Text, int Start, int End)
{
    public bool IsWord(string word) => Kind == QueryTokenKind.Word && string.Equals(Text, word, StringComparison.OrdinalIgnoreCase);

    public bool IsSymbol(string symbol) => Kind == QueryTokenKind.Symbol && string.Equals(Text, symbol, StringComparison.Ordinal);
}
