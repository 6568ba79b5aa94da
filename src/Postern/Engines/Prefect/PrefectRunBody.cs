using System.Collections.Frozen;
using System.Text.Json;

namespace Postern.Engines.Prefect;

/// <summary>What a deployment gives to its runs where they say nothing else.</summary>
internal sealed record PrefectRunDefaults(JsonElement JobVariables, string? WorkQueue, string? Infrastructure, bool EnforcesSchema)
{
    public static PrefectRunDefaults Read(JsonElement deployment) => new(
        deployment.TryGetProperty("job_variables", out var variables) ? variables : default,
        PrefectValues.TryText(deployment, "work_queue_name", out var queue) ? queue : null,
        PrefectValues.TryId(deployment, "infrastructure_document_id", out var block) ? block : null,
        !deployment.TryGetProperty("enforce_parameter_schema", out var enforces) || enforces.ValueKind != JsonValueKind.False);
}

/// <summary>What a run of a deployment says of itself, and whether that moves it elsewhere.</summary>
internal static class PrefectRunBody
{
    // What it may say. Anything else might move it: job variables, a queue, a block with infrastructure, what a newer server takes.
    private static readonly FrozenSet<string> s_harmless = FrozenSet.Create(
        StringComparer.Ordinal, "state", "name", "parameters", "context", "empirical_policy", "tags", "idempotency_key", "labels", "parent_task_run_id");

    /// <summary>Whether anything in it is other than what its deployment gives it.</summary>
    /// <param name="run">The body.</param>
    /// <param name="defaults">What the deployment gives; null: whatever is set counts.</param>
    public static bool Overrides(JsonElement run, PrefectRunDefaults? defaults)
    {
        if (run.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        foreach (var member in run.EnumerateObject())
        {
            if (!s_harmless.Contains(member.Name) && Sets(run, member.Name) && !(defaults is not null && IsDefault(run, member.Name, member.Value, defaults)))
            {
                return true;
            }
        }

        return PrefectValues.TryObject(run, "state", out var state) && state.ValueKind == JsonValueKind.Object
            && !(PrefectValues.TryText(state, "type", out var type) && type is "SCHEDULED" or "PENDING");
    }

    /// <summary>Whether the body has something under the key: nothing, and nothing in it, are none.</summary>
    public static bool Sets(JsonElement body, string key)
        => PrefectValues.Has(body, key)
            && !(body.GetProperty(key) is { ValueKind: JsonValueKind.Object } value && !value.EnumerateObject().Any())
            // Parameters that nobody checks reach code that trusts them.
            && !(key == "enforce_parameter_schema" && PrefectValues.IsPlainlyTrueOrMissing(body, key));

    // The interface's form of a run is filled in with the deployment's own values, and sends them all.
    private static bool IsDefault(JsonElement run, string key, JsonElement value, PrefectRunDefaults defaults) => key switch
    {
        "job_variables" => defaults.JobVariables.ValueKind == JsonValueKind.Object && JsonElement.DeepEquals(value, defaults.JobVariables),
        "work_queue_name" => defaults.WorkQueue is { } queue && PrefectValues.TryText(run, key, out var text) && text == queue,
        "infrastructure_document_id" => defaults.Infrastructure is { } block && PrefectValues.TryId(run, key, out var id) && id == block,
        "enforce_parameter_schema" => !defaults.EnforcesSchema && value.ValueKind == JsonValueKind.False,
        _ => false,
    };
}
