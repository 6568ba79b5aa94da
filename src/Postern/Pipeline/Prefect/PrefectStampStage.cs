using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Engines.Prefect;
using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// The verified caller's name over what a client claims: in the labels of the flow runs that a call creates, where the server's own pages and filters show it. Nobody
/// else writes under the gate's names, on whatever has labels that runs inherit.
/// </summary>
internal static class PrefectStampStage
{
    /// <summary>The label that names who created a run.</summary>
    public const string CallerLabel = OwnLabels + "caller";

    private const string OwnLabels = "postern.";

    public static Refusal? Run(PrefectCall call)
    {
        if (call.Json is not { } document || !call.IsAuthenticated)
        {
            return null;
        }

        var creates = call.Engine.Options.Stamp && call.Route.Body is PrefectBody.FlowRunCreate or PrefectBody.DeploymentRun or PrefectBody.DeploymentRuns;
        var name = creates ? call.Token.Caller.Name : null;
        if (!creates && !HoldsOwn(document.RootElement, call.Route))
        {
            return null;
        }

        var root = JsonNode.Parse(call.Body!.Value.Span)!;
        switch (root)
        {
            case JsonArray runs:
                foreach (var run in runs.OfType<JsonObject>())
                {
                    Stamp(run, name);
                }

                break;
            case JsonObject labels when call.Route.Body == PrefectBody.Labels:
                Strip(labels);
                break;
            case JsonObject one:
                Stamp(one, name);
                break;
        }

        call.Body = JsonSerializer.SerializeToUtf8Bytes(root);
        return null;
    }

    // Where nothing is written over, the body leaves to the byte as it came.
    private static bool HoldsOwn(JsonElement root, PrefectRoute route) => root.ValueKind == JsonValueKind.Array ? root.EnumerateArray().Any(one => HoldsOwn(one, route)) : root.ValueKind == JsonValueKind.Object
        && (route.Body == PrefectBody.Labels ? HoldsOwn(root) : root.TryGetProperty("labels", out var labels) && labels.ValueKind == JsonValueKind.Object && HoldsOwn(labels));

    private static bool HoldsOwn(JsonElement labels) => labels.EnumerateObject().Any(label => IsOwn(label.Name));

    private static void Stamp(JsonObject thing, string? caller)
    {
        if (thing["labels"] is JsonObject labels)
        {
            Strip(labels);
        }
        else if (caller is not null)
        {
            // Labels that aren't an object the server refuses; it may see that for itself.
            if (thing["labels"] is not null)
            {
                return;
            }

            thing["labels"] = labels = [];
        }
        else
        {
            return;
        }

        if (caller is not null)
        {
            labels[CallerLabel] = caller;
        }
    }

    private static void Strip(JsonObject labels)
    {
        foreach (var own in labels.Select(label => label.Key).Where(IsOwn).ToArray())
        {
            labels.Remove(own);
        }
    }

    // In any case, and in letters of other scripts and widths among our own: what looks like the gate's word on a page.
    private static bool IsOwn(string label)
    {
        if (Ascii.IsValid(label))
        {
            return label.TrimStart().StartsWith(OwnLabels, StringComparison.OrdinalIgnoreCase);
        }

        var (at, ours) = (0, 0);
        foreach (var rune in label.Normalize(NormalizationForm.FormKC).EnumerateRunes())
        {
            if (at == OwnLabels.Length)
            {
                break;
            }

            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpaceSeparator or UnicodeCategory.Control or UnicodeCategory.OtherNotAssigned)
            {
                continue;
            }

            if (rune.IsAscii && char.ToLowerInvariant((char)rune.Value) != OwnLabels[at])
            {
                return false;
            }

            ours += rune.IsAscii && Rune.IsLetter(rune) ? 1 : 0;
            at++;
        }

        return at == OwnLabels.Length && ours > 0;
    }
}
