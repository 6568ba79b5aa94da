using Google.Protobuf.Reflection;

namespace Postern.Engines.Temporal;

/// <summary>What a field of the Temporal API means to the gate.</summary>
internal enum TemporalRole : byte
{
    None,
    Namespace,
    NamespaceId,
    TaskQueue,
    TaskQueueKind,
    NormalTaskQueue,
    WorkflowId,
    RunId,
    WorkflowType,
    ActivityId,
    ActivityType,
    Signal,
    Update,
    Query,
    ScheduleId,
    VisibilityQuery,
    NexusEndpoint,
    NexusService,
    NexusOperation,

    /// <summary>Another name that the audit record keeps: a batch job, a rule, a deployment.</summary>
    Target,
    TaskToken,
    Identity,
    Header,
    Callback,
}

/// <summary>A field of a request, by the path that leads to it.</summary>
/// <param name="Path">Field names with dots, <c>[]</c> behind a repeated one: <c>operations[].start_workflow.identity</c>.</param>
/// <param name="Role">What it means.</param>
/// <param name="Repeated">True where the path crosses a repeated field or a map.</param>
/// <param name="Oneof">True where it crosses a member of a oneof.</param>
internal sealed record TemporalPath(string Path, TemporalRole Role, bool Repeated, bool Oneof)
{
    public int Depth { get; } = Path.Count(c => c == '.');
}

/// <summary>
/// Finds the fields that matter in a message by walking its descriptor, so that a field added to the API is seen without a hand-kept list.
/// Left out by type: links and failures, which only tell what happened elsewhere, and payloads.
/// </summary>
internal static class TemporalRoles
{
    private const string Api = "temporal.api.";

    private static readonly HashSet<string> s_leftOut = new(StringComparer.Ordinal)
    {
        Api + "common.v1.Link", Api + "failure.v1.Failure", Api + "common.v1.Payload", Api + "common.v1.Payloads", Api + "common.v1.Memo", Api + "common.v1.SearchAttributes",
    };

    private static readonly Dictionary<string, TemporalRole> s_byName = new(StringComparer.Ordinal)
    {
        [Api + "taskqueue.v1.TaskQueue.name"] = TemporalRole.TaskQueue,
        [Api + "taskqueue.v1.TaskQueue.kind"] = TemporalRole.TaskQueueKind,
        [Api + "taskqueue.v1.TaskQueue.normal_name"] = TemporalRole.NormalTaskQueue,
        [Api + "common.v1.WorkflowType.name"] = TemporalRole.WorkflowType,
        [Api + "filter.v1.WorkflowTypeFilter.name"] = TemporalRole.WorkflowType,
        [Api + "filter.v1.WorkflowExecutionFilter.workflow_id"] = TemporalRole.VisibilityQuery,
        [Api + "common.v1.ActivityType.name"] = TemporalRole.ActivityType,
        [Api + "update.v1.Input.name"] = TemporalRole.Update,
        [Api + "query.v1.WorkflowQuery.query_type"] = TemporalRole.Query,
        [Api + "batch.v1.BatchOperationSignal.signal"] = TemporalRole.Signal,
        [Api + "nexus.v1.EndpointSpec.name"] = TemporalRole.NexusEndpoint,
        [Api + "workflowservice.v1.DescribeNamespaceRequest.id"] = TemporalRole.NamespaceId,
        [Api + "workflowservice.v1.TriggerWorkflowRuleRequest.id"] = TemporalRole.Target,
        [Api + "operatorservice.v1.AddOrUpdateRemoteClusterRequest.frontend_address"] = TemporalRole.Target,
        [Api + "workflowservice.v1.DescribeWorkerRequest.worker_instance_key"] = TemporalRole.Target,
        [Api + "common.v1.Execution.business_id"] = TemporalRole.WorkflowId,
    };

    private static readonly Dictionary<string, TemporalRole> s_strings = new(StringComparer.Ordinal)
    {
        ["task_queue"] = TemporalRole.TaskQueue,
        ["task_queues"] = TemporalRole.TaskQueue,
        ["sticky_task_queue"] = TemporalRole.TaskQueue,
        ["worker_control_task_queue"] = TemporalRole.TaskQueue,
        ["workflow_id"] = TemporalRole.WorkflowId,
        ["run_id"] = TemporalRole.RunId,
        ["activity_id"] = TemporalRole.ActivityId,
        ["signal_name"] = TemporalRole.Signal,
        ["schedule_id"] = TemporalRole.ScheduleId,
        ["query"] = TemporalRole.VisibilityQuery,
        ["visibility_query"] = TemporalRole.VisibilityQuery,
        ["endpoint"] = TemporalRole.NexusEndpoint,
        ["nexus_endpoint"] = TemporalRole.NexusEndpoint,
        ["service"] = TemporalRole.NexusService,
        ["operation"] = TemporalRole.NexusOperation,
        ["job_id"] = TemporalRole.Target,
        ["rule_id"] = TemporalRole.Target,
        ["deployment_name"] = TemporalRole.Target,
        ["series_name"] = TemporalRole.Target,
        ["operation_id"] = TemporalRole.Target,
        ["cluster_name"] = TemporalRole.Target,
        ["identity"] = TemporalRole.Identity,
        ["worker_identity"] = TemporalRole.Identity,
    };

    /// <summary>Every field of the message that has a role, nested ones included; a type within itself is walked once.</summary>
    /// <exception cref="InvalidDataException">A type that holds itself names something that is judged: at a depth that nobody reads it would go unjudged.</exception>
    public static IReadOnlyList<TemporalPath> Find(MessageDescriptor message)
    {
        var found = new List<TemporalPath>();
        Walk(message, "", false, false, [], found);
        return found;
    }

    private static void Walk(MessageDescriptor message, string prefix, bool repeated, bool oneof, List<MessageDescriptor> above, List<TemporalPath> found)
    {
        above.Add(message);
        foreach (var field in message.Fields.InFieldNumberOrder())
        {
            var path = prefix + field.Name + (field.IsRepeated ? "[]" : "");
            var (inRepeated, inOneof) = (repeated || field.IsRepeated, oneof || field.RealContainingOneof is not null);
            var role = Of(field);
            if (role != TemporalRole.None)
            {
                found.Add(new TemporalPath(path, role, inRepeated, inOneof));
            }

            if (field.FieldType != FieldType.Message || s_leftOut.Contains(field.MessageType.FullName))
            {
                continue;
            }

            if (!above.Contains(field.MessageType))
            {
                Walk(field.MessageType, path + ".", inRepeated, inOneof, above, found);
            }
            else if (IsJudged(field.MessageType, []))
            {
                throw new InvalidDataException($"{above[0].FullName}: {path} holds {field.MessageType.FullName} within itself, with names that couldn't be judged at every depth");
            }
        }

        above.RemoveAt(above.Count - 1);
    }

    private static bool IsJudged(MessageDescriptor message, HashSet<MessageDescriptor> seen) => seen.Add(message)
        && message.Fields.InFieldNumberOrder().Any(f => Of(f) is not (TemporalRole.None or TemporalRole.Identity or TemporalRole.Header)
            || (f.FieldType == FieldType.Message && !s_leftOut.Contains(f.MessageType.FullName) && IsJudged(f.MessageType, seen)));

    private static TemporalRole Of(FieldDescriptor field)
    {
        if (s_byName.TryGetValue(field.FullName, out var role))
        {
            return role;
        }

        switch (field.FieldType)
        {
            case FieldType.String when field.Name.EndsWith("namespace_id", StringComparison.Ordinal):
                return TemporalRole.NamespaceId;
            case FieldType.String when field.Name.EndsWith("namespace", StringComparison.Ordinal):
                return TemporalRole.Namespace;
            case FieldType.String when field.Name is "id" && field.ContainingType.FullName.Contains("NexusEndpointRequest", StringComparison.Ordinal):
                return TemporalRole.Target;
            case FieldType.String when field.Name is "id" or "type" && field.RealContainingOneof is { Name: "activity" }:
                return field.Name is "id" ? TemporalRole.ActivityId : TemporalRole.ActivityType;
            case FieldType.String:
                return s_strings.GetValueOrDefault(field.Name);
            case FieldType.Bytes:
                return field.Name is "task_token" ? TemporalRole.TaskToken : TemporalRole.None;
            case FieldType.Message when field.MessageType.FullName is Api + "common.v1.Header":
                return TemporalRole.Header;
            case FieldType.Message when field.MessageType.FullName is Api + "common.v1.Callback":
                return TemporalRole.Callback;
            default:
                return TemporalRole.None;
        }
    }
}
