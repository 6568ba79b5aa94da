using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Postern.Model;

namespace Postern.Engines.Temporal.Visibility;

/// <summary>A list filter that is understood to its last character.</summary>
internal sealed class VisibilityQuery(QueryNode? where, ImmutableArray<string> groupBy, ImmutableArray<string> orderBy)
{
    // Far above what anybody writes, far below what a message may hold.
    private const int Longest = 32 * 1024;

    /// <summary>The condition; null where the query has none.</summary>
    public QueryNode? Where => where;

    /// <summary>The condition as it was written.</summary>
    public required string WhereText { get; init; }

    /// <summary>GROUP BY and ORDER BY as they were written; empty where there are none.</summary>
    public required string TailText { get; init; }

    /// <summary>
    /// The same query with <c>AND (WorkflowType IN (…) OR WorkflowType STARTS_WITH …)</c> behind its condition, which stays as it was written, between parentheses of its own. What comes out is read again and
    /// must have exactly the structure that was meant.
    /// </summary>
    /// <param name="query">As the client wrote it; may be empty.</param>
    /// <param name="types">What it is narrowed to.</param>
    /// <param name="narrowed">The narrowed query.</param>
    /// <param name="why">A clause for the caller where it can't be done.</param>
    public static bool TryNarrow(string query, WorkflowTypes types, [NotNullWhen(true)] out string? narrowed, [NotNullWhen(false)] out string? why)
    {
        (narrowed, why) = (null, null);
        if (query.Length > Longest)
        {
            why = "it is too long";
            return false;
        }

        if (!TypeCondition.CanSay(types))
        {
            why = "the name of a workflow type can't be written into it";
            return false;
        }

        try
        {
            var (own, only) = (QueryParser.Parse(query), TypeCondition.Of(types));
            var text = own.With(only);
            if (own.IsMeant(QueryParser.Parse(text), only))
            {
                narrowed = text;
                return true;
            }

            why = "it isn't understood";
        }
        catch (QueryFault fault)
        {
            why = fault.Message;
        }

        return false;
    }

    private string With(QueryNode only)
    {
        var text = new StringBuilder();
        if (where is not null)
        {
            text.Append('(').Append(WhereText).Append(") AND ");
        }

        TypeCondition.Write(only, text);
        return (TailText.Length == 0 ? text : text.Append(' ').Append(TailText)).ToString();
    }

    private bool IsMeant(VisibilityQuery result, QueryNode only)
    {
        var meant = where is null ? only : new QueryNode(QueryNodeKind.And, "", new QueryNode(QueryNodeKind.Paren, "", where), only);
        return meant.Equals(result.Where) && result.SortsAs(groupBy, orderBy);
    }

    private bool SortsAs(ImmutableArray<string> groups, ImmutableArray<string> orders) => groupBy.SequenceEqual(groups, StringComparer.Ordinal) && orderBy.SequenceEqual(orders, StringComparer.Ordinal);
}
