using System.Text.Json;
using Postern.Model;

namespace Postern.Engines.Prefect;

/// <summary>Turns one call into what it asks for. What can't be read as the server reads it is refused: it couldn't be judged.</summary>
internal static class PrefectReader
{
    /// <summary>Reads a call.</summary>
    /// <param name="match">The operation, with what the path says.</param>
    /// <param name="path">The target, for its query.</param>
    /// <param name="body">The body, where <see cref="PrefectRoute.JudgesBody"/>; null where there is none.</param>
    /// <param name="server">The engine's name.</param>
    /// <param name="refusal">Why it can't be read; null otherwise.</param>
    public static Operation? Read(PrefectMatch match, PrefectPath path, JsonElement? body, string server, out Refusal? refusal)
    {
        var reading = new PrefectReading(match, path.Query, server);
        // The server takes null for no body at all.
        var operation = reading.Read(body is { ValueKind: JsonValueKind.Null } ? null : body);
        refusal = reading.Fault is { } fault ? Unreadable(fault) : null;
        return refusal is null ? operation : null;
    }

    /// <summary>The refusal of a call that can't be read.</summary>
    /// <param name="fault">Why, as <see cref="PrefectPath"/> and <see cref="PrefectJson"/> say it.</param>
    public static Refusal Unreadable(string fault) => new(RefusalReason.Unreadable, $"The request can't be read: {fault}.", fault);
}
