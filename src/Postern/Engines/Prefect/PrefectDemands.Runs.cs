using System.Text.Json;
using Postern.Model;

namespace Postern.Engines.Prefect;

/// <summary>Bodies about flows, runs and deployments.</summary>
internal sealed partial class PrefectDemands
{
    private void Flow(JsonElement body)
    {
        Created(body, "name", Dimensions.Flow);
        _first = Tagged(_first, Tags(body));
    }

    // Under a new name, or with new tags: the right to what it becomes too.
    private void Renamed(JsonElement body)
    {
        var becomes = _first;
        if (_route.Body == PrefectBody.VariableUpdate && Text(body, "name") is { } name)
        {
            becomes = Renamed(becomes, Dimensions.Variable, name);
        }

        AddChanged(WithNewTags(becomes, body));
    }

    private Demand WithNewTags(in Demand demand, JsonElement body) => PrefectValues.Has(body, "tags") ? Tagged(demand, Tags(body)) : demand;

    private void AddChanged(in Demand becomes)
    {
        if (becomes != _first)
        {
            Add(becomes);
        }
    }

    private void State(JsonElement body)
    {
        if (StateType(body, isRequired: true) is { } type)
        {
            _first = Also(type switch
            {
                "CANCELLING" or "CANCELLED" => Permission.FlowRunCancel,
                "SCHEDULED" => Permission.FlowRunRetry,
                _ => Permission.FlowRunReport,
            });
        }
    }

    // The server knows the types in capitals alone; what it doesn't know it answers with 422.
    private string? StateType(JsonElement body, bool isRequired)
    {
        if (PrefectValues.TryObject(body, "state", out var state) && !(isRequired && state.ValueKind != JsonValueKind.Object))
        {
            return state.ValueKind == JsonValueKind.Object ? Text(state, "type", isRequired: true) : null;
        }

        Refuse("state in its body isn't a state");
        return null;
    }

    private void FlowRunCreate(JsonElement body)
    {
        var all = _first;
        Of(body, "flow_id", isRequired: true);
        Name(Dimensions.WorkPool, Text(body, "work_pool_name"));
        Name(Dimensions.WorkQueue, Text(body, "work_queue_name"));
        _first = Tagged(_first, Tags(body));
        var deployment = IdIn(body, "deployment_id");
        if (deployment is not null)
        {
            // As a run of the deployment, and as a run that the deployment's name stands by: whose flow the call names needn't be the deployment's.
            var named = About(all, PrefectObject.Deployment, deployment) with { Unknown = PermissionDimensions.Of(Permission.DeploymentRun) & PermissionDimensions.Of(_route.Base) & ~Dimensions.Server };
            Add(named with { Permission = Permission.DeploymentRun });
            Add(named);
        }

        // A flow's own process runs where it is. What names a place, or how to run there, has other processes run it.
        if (PrefectRunBody.Sets(body, "job_variables") || PrefectRunBody.Sets(body, "infrastructure_document_id") || PrefectRunBody.Sets(body, "work_pool_name") || PrefectRunBody.Sets(body, "work_queue_name"))
        {
            Add(Also(Permission.DeploymentOverride));
            if (deployment is not null)
            {
                Add(_more[0] with { Permission = Permission.DeploymentOverride });
            }
        }

        if (StateType(body, isRequired: false) is { } type and not ("SCHEDULED" or "PENDING"))
        {
            Add(Also(type is "CANCELLING" or "CANCELLED" ? Permission.FlowRunCancel : Permission.FlowRunReport));
        }
    }

    private void FlowRunUpdate(JsonElement body)
    {
        AddChanged(WithNewTags(_first, body));
        // Here an empty object takes the run's own away.
        if (PrefectValues.Has(body, "job_variables"))
        {
            Add(Also(Permission.DeploymentOverride));
        }
    }

    private void DeploymentRun(JsonElement body)
    {
        if (!Overrides(body))
        {
            return;
        }

        Add(Also(Permission.DeploymentOverride));
        if (Text(body, "work_queue_name") is { } queue)
        {
            Add(Renamed(Also(Permission.DeploymentOverride), Dimensions.WorkQueue, queue));
        }
    }

    private void DeploymentRuns(JsonElement? body)
    {
        foreach (var run in Elements(body))
        {
            DeploymentRun(Object(run));
        }
    }

    // A state that can't be read can't be judged.
    private bool Overrides(JsonElement run) => PrefectRunBody.Overrides(run, null) | (StateType(run, isRequired: false) is not (null or "SCHEDULED" or "PENDING"));

    private void OfRun(JsonElement body)
    {
        var run = IdIn(body, "flow_run_id");
        var task = _route.Body == PrefectBody.ArtifactCreate ? IdIn(body, "task_run_id") : null;
        _first = RunOf(_first, run, task);
        _target = run ?? task;
    }

    // A task's flow run says more than the task; a task that runs in the background has none.
    private static Demand RunOf(in Demand demand, string? run, string? task)
        => run is not null || task is null ? About(demand, PrefectObject.FlowRun, run) : About(demand, PrefectObject.TaskRun, task);

    private void DeploymentCreate(JsonElement body)
    {
        Of(body, "flow_id", isRequired: true);
        var name = Text(body, "name", isRequired: true);
        Name(Dimensions.Deployment, name);
        Name(Dimensions.WorkPool, Text(body, "work_pool_name"));
        Name(Dimensions.WorkQueue, Text(body, "work_queue_name"));
        _first = Tagged(_first, Tags(body));
        _target = name;
        if (name is not null && _first.Prefect!.ObjectId is { } flow)
        {
            // The server writes over the flow's deployment of that name, wherever it runs now: the right to that one too, if there is one.
            var names = new PrefectNames { Server = server, Deployment = name, Object = PrefectObject.DeploymentOfFlow, ObjectId = $"{flow}/{name}" };
            Add(_first with { Prefect = names, Unknown = (OfPool | Dimensions.Flow | Dimensions.Tag) & PermissionDimensions.Of(_route.Base) });
        }
    }

    private void DeploymentUpdate(JsonElement body)
    {
        if (PrefectValues.HasOnly(body, "paused"))
        {
            _first = Also(Permission.DeploymentPause);
            return;
        }

        // Moved to another place: the right to it there too.
        var becomes = _first;
        if (Text(body, "work_pool_name") is { } pool)
        {
            becomes = Renamed(becomes, Dimensions.WorkPool, pool);
        }

        if (Text(body, "work_queue_name") is { } queue)
        {
            becomes = Renamed(becomes, Dimensions.WorkQueue, queue);
        }

        AddChanged(WithNewTags(becomes, body));
    }
}
