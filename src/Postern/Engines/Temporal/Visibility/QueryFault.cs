namespace Postern.Engines.Temporal.Visibility;

/// <summary>A query isn't understood with certainty. The message is a clause for the caller; it quotes nothing of the query.</summary>
internal sealed class QueryFault(string why, int position) : Exception(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{why} (at position {position + 1})"));
