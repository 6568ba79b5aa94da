using System.Text.Json.Nodes;

namespace Postern.Dev.Prefect;

/// <summary>Flow runs and task runs: how they begin, which states they take, and what is told of it.</summary>
internal sealed class PrefectRuns(PrefectWorld world)
{
    private static readonly string[] s_types = ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED", "CANCELLING"];
    private static readonly string[] s_terminal = ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"];
    private static readonly string[] s_first = ["amber", "brisk", "calm", "daring", "eager", "frosty", "gentle", "humble", "keen", "lively", "merry", "nimble"];
    private static readonly string[] s_second = ["badger", "crane", "dolphin", "falcon", "gecko", "heron", "ibis", "lynx", "marten", "otter", "plover", "stoat"];

    /// <summary>A flow run of a flow, or of a deployment of it.</summary>
    public JsonObject Start(JsonObject flow, JsonObject? deployment, JsonObject body)
    {
        var id = Guid.NewGuid();
        var queue = world.WorkQueues.Find(deployment.Text("work_queue_id"));
        if (body.Text("work_queue_name") is { } queueName && deployment is not null)
        {
            queue = world.WorkQueues.Rows.FirstOrDefault(row => row.Text("name") == queueName && row.Text("work_pool_name") == deployment.Text("work_pool_name"));
        }

        var labels = new JsonObject { ["prefect.flow.id"] = flow.Copy("id") };
        if (deployment is not null)
        {
            labels["prefect.deployment.id"] = deployment.Copy("id");
        }

        var parameters = deployment.Object("parameters")?.DeepClone().AsObject() ?? [];
        Merge(parameters, body.Object("parameters"));
        Merge(labels, body.Object("labels"));
        var row = world.Row(
            ("name", body.Copy("name", NewName())), ("flow_id", flow.Copy("id")), ("state_id", null), ("deployment_id", deployment.Copy("id", body.Copy("deployment_id"))),
            ("deployment_version", deployment.Copy("version")), ("work_queue_id", queue.Copy("id")), ("work_queue_name", queue.Copy("name")), ("flow_version", body.Copy("flow_version")),
            ("parameters", parameters), ("idempotency_key", body.Copy("idempotency_key")), ("context", body.Copy("context", new JsonObject())),
            ("empirical_policy", Policy(body.Object("empirical_policy"))), ("tags", new JsonArray([.. Tags(deployment).Concat(Tags(body)).Distinct().Select(tag => JsonValue.Create(tag))])),
            ("labels", labels), ("parent_task_run_id", body.Copy("parent_task_run_id")), ("state_type", null), ("state_name", null), ("run_count", 0), ("expected_start_time", null),
            ("next_scheduled_start_time", null), ("start_time", null), ("end_time", null), ("total_run_time", 0.0), ("estimated_run_time", 0.0), ("estimated_start_time_delta", 0.0),
            ("auto_scheduled", false), ("infrastructure_document_id", body.Copy("infrastructure_document_id")), ("infrastructure_pid", null), ("created_by", null),
            ("work_pool_id", queue.Copy("work_pool_id")), ("work_pool_name", queue.Copy("work_pool_name")), ("state", null), ("job_variables", body.Copy("job_variables", new JsonObject())));
        row["id"] = id.ToString();
        world.FlowRuns.Add(row);
        SetState(row, body.Object("state") ?? new JsonObject { ["type"] = "PENDING" }, force: true);
        return row;
    }

    /// <summary>A task run: a background task's where it is scheduled and deferred, which a task worker then gets.</summary>
    public JsonObject StartTask(JsonObject body)
    {
        var labels = new JsonObject();
        if (world.FlowRuns.Find(body.Text("flow_run_id")) is { } run)
        {
            (labels["prefect.flow.id"], labels["prefect.flow-run.id"]) = (run.Copy("flow_id"), run.Copy("id"));
        }

        Merge(labels, body.Object("labels"));
        var row = world.Row(
            ("name", body.Copy("name", NewName())), ("flow_run_id", body.Copy("flow_run_id")), ("task_key", body.Copy("task_key")), ("dynamic_key", body.Copy("dynamic_key")), ("cache_key", null),
            ("cache_expiration", null), ("task_version", body.Copy("task_version")), ("empirical_policy", TaskPolicy(body.Object("empirical_policy"))), ("tags", body.Copy("tags", new JsonArray())),
            ("labels", labels), ("state_id", null), ("task_inputs", body.Copy("task_inputs", new JsonObject())), ("state_type", null), ("state_name", null), ("run_count", 0),
            ("flow_run_run_count", 0), ("expected_start_time", null), ("next_scheduled_start_time", null), ("start_time", null), ("end_time", null), ("total_run_time", 0.0),
            ("estimated_run_time", 0.0), ("estimated_start_time_delta", 0.0), ("state", null));
        if (Guid.TryParse(body.Text("id"), out var own))
        {
            row["id"] = own.ToString();
        }

        world.TaskRuns.Add(row);
        SetState(row, body.Object("state") ?? new JsonObject { ["type"] = "PENDING" }, force: true, isTask: true);
        if (body.Object("state").Object("state_details").Flag("deferred"))
        {
            world.Feed.Schedule(row);
        }

        return row;
    }

    /// <summary>Asks for a state, as the server orchestrates it: accepted, rejected for another, to be waited for, or refused since the run has ended.</summary>
    /// <returns>The status of the answer and its body.</returns>
    public (int Status, JsonObject Body) SetState(JsonObject run, JsonObject wanted, bool force, bool isTask = false)
    {
        var type = wanted.Text("type");
        if (type is null || !s_types.Contains(type))
        {
            throw PrefectRefusal.Invalid($"Input should be one of {string.Join(", ", s_types)}", wanted);
        }

        var current = run.Text("state_type");
        if (!force && current is not null && s_terminal.Contains(current) && type != "SCHEDULED")
        {
            return Answer(200, run, "ABORT", new JsonObject { ["type"] = "abort_details", ["reason"] = $"Run is already in terminal state {current}." });
        }

        if (!force && type == "CANCELLING" && current == "SCHEDULED")
        {
            Enter(run, new JsonObject { ["type"] = "CANCELLED" }, isTask);
            return Answer(201, run, "REJECT", new JsonObject { ["type"] = "reject_details", ["reason"] = "Scheduled flow run has no infrastructure to terminate." });
        }

        if (!force && type == "RUNNING" && PrefectJson.Moment(run["next_scheduled_start_time"]) is { } due && due > world.Now)
        {
            var seconds = (int)Math.Ceiling((due - world.Now).TotalSeconds);
            return Answer(200, run, "WAIT", new JsonObject { ["type"] = "wait_details", ["delay_seconds"] = seconds, ["reason"] = "Scheduled time is in the future" });
        }

        Enter(run, wanted, isTask);
        return Answer(201, run, "ACCEPT", new JsonObject { ["type"] = "accept_details" });
    }

    /// <summary>Runs that a worker or a runner takes up now, the earliest first.</summary>
    public IEnumerable<JsonObject> Due(Func<JsonObject, bool> which, JsonObject? body)
    {
        var before = PrefectJson.Moment(body?["scheduled_before"]) ?? world.Now;
        return world.FlowRuns.Rows
            .Where(run => run.Text("state_type") == "SCHEDULED" && which(run) && PrefectJson.Moment(run["next_scheduled_start_time"]) is { } at && at <= before)
            .OrderBy(run => run.Text("next_scheduled_start_time"), StringComparer.Ordinal)
            .Take(body.Number("limit") ?? PrefectFilter.MaxLimit);
    }

    public static IEnumerable<string> Tags(JsonObject? row) => (row?["tags"] as JsonArray ?? []).Select(tag => tag!.GetValue<string>());

    private static (int, JsonObject) Answer(int status, JsonObject run, string word, JsonObject details) =>
        (status, new JsonObject { ["state"] = run.Copy("state"), ["status"] = word, ["details"] = details });

    private void Enter(JsonObject run, JsonObject wanted, bool isTask)
    {
        var (now, type) = (world.Now, wanted.Text("type")!);
        var name = wanted.Text("name") ?? $"{type[0]}{type[1..].ToLowerInvariant()}";
        var before = run.Object("state");
        var details = Details(wanted.Object("state_details"));
        details[isTask ? "task_run_id" : "flow_run_id"] = run.Copy("id");
        details["flow_run_id"] ??= run.Copy("flow_run_id");
        var scheduled = type == "SCHEDULED" ? PrefectJson.Moment(details["scheduled_time"]) ?? now : (DateTimeOffset?)null;
        if (scheduled is { } at)
        {
            details["scheduled_time"] = at.Stamp();
            details["deferred"] ??= false;
        }

        var state = new JsonObject
        {
            ["id"] = Guid.CreateVersion7(now).ToString(), ["type"] = type, ["name"] = name, ["timestamp"] = now.Stamp(), ["message"] = wanted.Copy("message"), ["data"] = wanted.Copy("data"), ["state_details"] = details,
        };
        run["state"] = state;
        run["state_id"] = state.Copy("id");
        run["state_type"] = type;
        run["state_name"] = name;
        run["next_scheduled_start_time"] = scheduled?.Stamp();
        run["expected_start_time"] ??= (scheduled ?? now).Stamp();
        if (type == "RUNNING")
        {
            run["run_count"] = run.Number("run_count") + 1;
            run["start_time"] ??= now.Stamp();
        }

        if (s_terminal.Contains(type))
        {
            run["end_time"] = now.Stamp();
            run["total_run_time"] = (now - (PrefectJson.Moment(run["start_time"]) ?? now)).TotalSeconds;
        }

        world.Touch(run);
        if (!isTask)
        {
            world.Feed.Publish(Event(run, before, state, now), now);
        }
    }

    private JsonObject Event(JsonObject run, JsonObject? before, JsonObject state, DateTimeOffset now) => new()
    {
        ["occurred"] = state.Copy("timestamp"),
        ["event"] = $"prefect.flow-run.{state.Text("name")}",
        ["resource"] = new JsonObject
        {
            ["prefect.resource.id"] = $"prefect.flow-run.{run.Text("id")}",
            ["prefect.resource.name"] = run.Copy("name"),
            ["prefect.run-count"] = run.Number("run_count")!.Value.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["prefect.state-message"] = state.Text("message") ?? "",
            ["prefect.state-name"] = state.Copy("name"),
            ["prefect.state-timestamp"] = state.Copy("timestamp"),
            ["prefect.state-type"] = state.Copy("type"),
        },
        ["related"] = new JsonArray([.. Related(run)]),
        ["payload"] = new JsonObject
        {
            ["intended"] = new JsonObject { ["from"] = before.Copy("type"), ["to"] = state.Copy("type") },
            ["initial_state"] = before is null ? null : new JsonObject { ["type"] = before.Copy("type"), ["name"] = before.Copy("name") },
            ["validated_state"] = new JsonObject { ["type"] = state.Copy("type"), ["name"] = state.Copy("name") },
        },
        ["id"] = Guid.CreateVersion7(now).ToString(),
        ["follows"] = null,
    };

    private IEnumerable<JsonObject> Related(JsonObject run)
    {
        (string Kind, JsonObject? Row)[] rows =
        [
            ("flow", world.Flows.Find(run.Text("flow_id"))), ("deployment", world.Deployments.Find(run.Text("deployment_id"))), ("work-queue", world.WorkQueues.Find(run.Text("work_queue_id"))),
            ("work-pool", world.WorkPools.Find(run.Text("work_pool_id"))),
        ];
        return rows.Where(each => each.Row is not null)
            .Select(each => new JsonObject { ["prefect.resource.id"] = $"prefect.{each.Kind}.{each.Row.Text("id")}", ["prefect.resource.role"] = each.Kind, ["prefect.resource.name"] = each.Row.Copy("name") })
            .Concat(Tags(run).Select(tag => new JsonObject { ["prefect.resource.id"] = $"prefect.tag.{tag}", ["prefect.resource.role"] = "tag" }));
    }

    private static void Merge(JsonObject into, JsonObject? from)
    {
        foreach (var (name, value) in from ?? [])
        {
            into[name] = value?.DeepClone();
        }
    }

    private static JsonObject Policy(JsonObject? given)
    {
        var policy = new JsonObject { ["max_retries"] = 0, ["retry_delay_seconds"] = 0.0, ["retries"] = null, ["retry_delay"] = null, ["pause_keys"] = new JsonArray(), ["resuming"] = false, ["retry_type"] = null };
        Merge(policy, given);
        return policy;
    }

    private static JsonObject TaskPolicy(JsonObject? given)
    {
        var policy = new JsonObject { ["max_retries"] = 0, ["retry_delay_seconds"] = 0.0, ["retries"] = 0, ["retry_delay"] = 0, ["retry_jitter_factor"] = null };
        Merge(policy, given);
        return policy;
    }

    private static JsonObject Details(JsonObject? given)
    {
        var details = new JsonObject
        {
            ["flow_run_id"] = null, ["task_run_id"] = null, ["child_flow_run_id"] = null, ["scheduled_time"] = null, ["cache_key"] = null, ["cache_expiration"] = null, ["deferred"] = null,
            ["untrackable_result"] = false, ["pause_timeout"] = null, ["pause_reschedule"] = false, ["pause_key"] = null, ["run_input_keyset"] = null, ["refresh_cache"] = null, ["retriable"] = null,
            ["transition_id"] = null, ["task_parameters_id"] = null, ["traceparent"] = null, ["deployment_concurrency_lease_id"] = null,
        };
        Merge(details, given);
        return details;
    }

    private static string NewName() => $"{s_first[Random.Shared.Next(s_first.Length)]}-{s_second[Random.Shared.Next(s_second.Length)]}";
}
