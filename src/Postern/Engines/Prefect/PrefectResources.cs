using Postern.Model;

namespace Postern.Engines.Prefect;

/// <summary>How events name what they are about: <c>prefect.flow-run.2f6c…</c>.</summary>
internal static class PrefectResources
{
    private static readonly (PrefectObject Kind, string Prefix)[] Table =
    [
        (PrefectObject.FlowRun, "prefect.flow-run."),
        (PrefectObject.TaskRun, "prefect.task-run."),
        (PrefectObject.Deployment, "prefect.deployment."),
        (PrefectObject.Flow, "prefect.flow."),
        (PrefectObject.WorkQueue, "prefect.work-queue."),
        (PrefectObject.WorkPool, "prefect.work-pool."),
        (PrefectObject.BlockDocument, "prefect.block-document."),
        (PrefectObject.BlockType, "prefect.block-type."),
        (PrefectObject.Automation, "prefect.automation."),
        (PrefectObject.Variable, "prefect.variable."),
    ];

    /// <summary>Kind and id; nothing where it is no thing that the gate knows by an id.</summary>
    public static (PrefectObject Kind, string Id)? Read(string resource)
    {
        foreach (var (kind, prefix) in Table)
        {
            if (resource.StartsWith(prefix, StringComparison.Ordinal) && Guid.TryParseExact(resource.AsSpan(prefix.Length), "D", out var id))
            {
                return (kind, id.ToString());
            }
        }

        return null;
    }

    public static string Write(PrefectObject kind, string id) => Table.First(row => row.Kind == kind).Prefix + id;
}
