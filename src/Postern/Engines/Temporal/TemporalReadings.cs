using Google.Protobuf.Reflection;

namespace Postern.Engines.Temporal;

/// <summary>What is read of a method's request beyond the names that stand at the top of it: what its shape looks at.</summary>
internal static class TemporalReadings
{
    private static readonly string[] s_start =
        ["namespace", "workflow_id", "workflow_type.name", "task_queue.name", "workflow_id_reuse_policy", "workflow_id_conflict_policy", "request_eager_execution"];

    private static readonly string[] s_postReset = ["post_reset_operations[].signal_workflow.signal_name", "post_reset_operations[].update_workflow_options"];

    /// <summary>What is read of a signal-with-start, wherever it stands.</summary>
    public static IReadOnlyList<string> SignalWithStart { get; } = [.. s_start[..6], "signal_name"];

    public static IEnumerable<string> Of(TemporalShape shape, MessageDescriptor request) => shape switch
    {
        TemporalShape.Start => s_start,
        TemporalShape.SignalWithStart => SignalWithStart,
        TemporalShape.MultiOperation =>
        [
            .. s_start.Select(p => "operations[].start_workflow." + p),
            "operations[].update_workflow.namespace", "operations[].update_workflow.workflow_execution.workflow_id", "operations[].update_workflow.request.input.name",
        ],
        TemporalShape.Schedule =>
        [
            .. s_start[1..5].Select(p => "schedule.action.start_workflow." + p), "schedule.policies.overlap_policy",
            // Only at its creation does a schedule bring a patch along.
            .. request.FindFieldByName("initial_patch") is null ? [] : Patch("initial_patch"),
        ],
        TemporalShape.SchedulePatch => Patch("patch"),
        TemporalShape.Batch =>
        [
            .. TemporalBatches.Members.Select(m => m.Field), "executions[].workflow_id", "executions[].run_id",
            .. request.FindFieldByName("target_executions") is null ? (string[])[] : ["target_executions[].type", "target_executions[].business_id", "target_executions[].run_id"],
            "signal_operation.signal", "update_activity_options_operation.activity_options.task_queue.name",
            .. s_postReset.Select(p => "reset_operation." + p),
        ],
        TemporalShape.Reset => s_postReset,
        TemporalShape.Poll => ["task_queue.name", "task_queue.kind", "task_queue.normal_name"],
        TemporalShape.WorkflowTaskAnswer =>
        [
            .. s_start[..5].Select(p => Command("start_child_workflow_execution", p)),
            Command("signal_external_workflow_execution", "namespace"), Command("signal_external_workflow_execution", "execution.workflow_id"),
            Command("signal_external_workflow_execution", "signal_name"),
            Command("request_cancel_external_workflow_execution", "namespace"), Command("request_cancel_external_workflow_execution", "workflow_id"),
            Command("schedule_nexus_operation", "endpoint"), Command("schedule_nexus_operation", "service"), Command("schedule_nexus_operation", "operation"),
            Command("schedule_nexus_operation", "nexus_header[].key"),
            Command("schedule_nexus_operation", "input.data"), Command("schedule_nexus_operation", "input.metadata[].key"), Command("schedule_nexus_operation", "input.metadata[].value"),
            Command("schedule_activity_task", "activity_id"), Command("schedule_activity_task", "activity_type.name"), Command("schedule_activity_task", "task_queue.name"),
            Command("schedule_activity_task", "request_eager_execution"),
            Command("continue_as_new_workflow_execution", "workflow_type.name"), Command("continue_as_new_workflow_execution", "task_queue.name"),
        ],
        TemporalShape.ActivityOptions => ["activity_options.task_queue.name"],
        TemporalShape.TaskQueueList => ["task_queues[]"],
        TemporalShape.NexusEndpoint => ["spec.name", "spec.target.worker.namespace", "spec.target.worker.task_queue"],
        TemporalShape.NexusStart => ["nexus_header[].key"],
        TemporalShape.RemoteCluster => ["frontend_address"],
        _ => [],
    };

    /// <summary>Names of a worker's queues in its own report, where the request has them.</summary>
    public static IReadOnlyList<string> WorkerQueues { get; } = ["worker_heartbeat[].task_queue", "worker_heartbeat.task_queue", "task_queue"];

    private static string[] Patch(string path) =>
        [path + ".trigger_immediately", path + ".trigger_immediately.overlap_policy", path + ".backfill_request[]", path + ".backfill_request[].overlap_policy"];

    private static string Command(string member, string field) => $"commands[].{member}_command_attributes.{field}";
}
