using System.Text.Json.Nodes;

namespace Postern.Dev.Prefect;

/// <summary>All that the server keeps, in memory; whoever touches it holds <see cref="Lock"/>.</summary>
internal sealed class PrefectWorld(TimeProvider time)
{
    public Lock Lock { get; } = new();

    public PrefectTable Flows { get; } = new("Flow");

    public PrefectTable Deployments { get; } = new("Deployment");

    public PrefectTable FlowRuns { get; } = new("Flow run");

    public PrefectTable TaskRuns { get; } = new("Task run");

    public PrefectTable WorkPools { get; } = new("Work pool");

    public PrefectTable WorkQueues { get; } = new("Work queue");

    public PrefectTable Workers { get; } = new("Worker");

    public PrefectTable Logs { get; } = new("Log");

    public PrefectTable Artifacts { get; } = new("Artifact");

    public PrefectTable Variables { get; } = new("Variable");

    public PrefectTable BlockTypes { get; } = new("Block type");

    public PrefectTable BlockSchemas { get; } = new("Block schema");

    public PrefectTable BlockDocuments { get; } = new("Block document");

    public PrefectTable Automations { get; } = new("Automation");

    public PrefectTable Limits { get; } = new("Concurrency Limit");

    public PrefectFeed Feed { get; } = new();

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>A row that begins with what all rows begin with.</summary>
    public JsonObject Row(params ReadOnlySpan<(string Name, JsonNode? Value)> members)
    {
        var now = Now.Stamp();
        var row = new JsonObject { ["id"] = Guid.CreateVersion7(Now).ToString(), ["created"] = now, ["updated"] = now };
        foreach (var (name, value) in members)
        {
            row[name] = value;
        }

        return row;
    }

    public void Touch(JsonObject row) => row["updated"] = Now.Stamp();

    /// <summary>Rows of another kind that belong to a row, by the ids that link them; <paramref name="other"/> is a filter's name in a body.</summary>
    public IEnumerable<JsonObject> Related(PrefectTable table, JsonObject row, string other) => other switch
    {
        _ when KindOf(table) == other => [row],
        "flows" => FlowOf(table, row) is { } flow ? [flow] : [],
        "flow_runs" => RunsOf(table, row),
        "task_runs" => RunsOf(table, row).SelectMany(run => TaskRuns.Rows.Where(task => task.Text("flow_run_id") == run.Text("id"))),
        "deployments" => DeploymentsOf(table, row),
        "work_pools" => DeploymentsOf(table, row).Append(row).Select(from => from.Text("work_pool_name")).OfType<string>().Distinct().Select(WorkPools.Named).OfType<JsonObject>(),
        "work_queues" or "work_pool_queues" => DeploymentsOf(table, row).Append(row).Select(from => WorkQueues.Find(from.Text("work_queue_id"))).OfType<JsonObject>(),
        _ => [],
    };

    /// <summary>The name of a kind's filter in a body.</summary>
    public string KindOf(PrefectTable table) =>
        table == Flows ? "flows" : table == FlowRuns ? "flow_runs" : table == TaskRuns ? "task_runs" : table == Deployments ? "deployments" : table == WorkPools ? "work_pools"
        : table == WorkQueues ? "work_queues" : table == Workers ? "workers" : table == Logs ? "logs" : table == Artifacts ? "artifacts" : table == Variables ? "variables"
        : table == BlockTypes ? "block_types" : table == BlockSchemas ? "block_schemas" : table == BlockDocuments ? "block_documents" : table == Automations ? "automations" : "concurrency_limits";

    private JsonObject? FlowOf(PrefectTable table, JsonObject row) =>
        Flows.Find(row.Text("flow_id") ?? (table == TaskRuns ? FlowRuns.Find(row.Text("flow_run_id")).Text("flow_id") : null));

    private IEnumerable<JsonObject> RunsOf(PrefectTable table, JsonObject row) =>
        table == FlowRuns ? [row]
        : table == TaskRuns || table == Artifacts || table == Logs ? FlowRuns.Find(row.Text("flow_run_id")) is { } run ? [run] : []
        : table == Deployments ? FlowRuns.Rows.Where(run => run.Text("deployment_id") == row.Text("id"))
        : table == Flows ? FlowRuns.Rows.Where(run => run.Text("flow_id") == row.Text("id")) : [];

    private IEnumerable<JsonObject> DeploymentsOf(PrefectTable table, JsonObject row) =>
        table == Deployments ? [row]
        : table == Flows ? Deployments.Rows.Where(deployment => deployment.Text("flow_id") == row.Text("id"))
        : RunsOf(table, row).Select(run => Deployments.Find(run.Text("deployment_id"))).OfType<JsonObject>();
}
