using System.Text.Json;
using Postern.Model;

namespace Postern.Engines.Prefect;

/// <summary>What a call asks for, or why it can't be read.</summary>
internal readonly record struct PrefectReading(Operation? Operation, Refusal? Refusal);

/// <summary>Turns one call into what it asks for. What can't be read as the server reads it is refused: it couldn't be judged.</summary>
internal static class PrefectReader
{
    /// <summary>Reads a call.</summary>
    /// <param name="match">The operation, with what the path says.</param>
    /// <param name="path">The target, for its query.</param>
    /// <param name="body">The body, where <see cref="PrefectRoute.JudgesBody"/>; null where there is none.</param>
    /// <param name="server">The engine's name.</param>
    public static PrefectReading Read(PrefectMatch match, PrefectPath path, JsonElement? body, string server)
    {
        var demands = new PrefectDemands(match, path.Query, server);
        // The server takes null for no body at all.
        var operation = demands.Read(body is { ValueKind: JsonValueKind.Null } ? null : body);
        return demands.Fault is { } fault ? new PrefectReading(null, Unreadable(fault)) : new PrefectReading(operation, null);
    }

    /// <summary>The refusal of a call that can't be read.</summary>
    /// <param name="fault">Why, as <see cref="PrefectPath"/> and <see cref="PrefectJson"/> say it.</param>
    public static Refusal Unreadable(string fault) => new(RefusalReason.Unreadable, $"The request can't be read: {fault}.", fault);
}
