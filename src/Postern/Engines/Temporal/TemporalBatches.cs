using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>What a batch does, by the member of its oneof.</summary>
internal static class TemporalBatches
{
    public static IReadOnlyList<(string Field, Permission Permission)> Members { get; } =
    [
        ("termination_operation", Permission.WorkflowTerminate),
        ("signal_operation", Permission.WorkflowSignal),
        ("cancellation_operation", Permission.WorkflowCancel),
        ("deletion_operation", Permission.WorkflowDelete),
        ("reset_operation", Permission.WorkflowReset),
        ("update_workflow_options_operation", Permission.WorkflowOptions),
        ("unpause_activities_operation", Permission.ActivityManage),
        ("reset_activities_operation", Permission.ActivityManage),
        ("update_activity_options_operation", Permission.ActivityManage),
        ("cancel_activities_operation", Permission.ActivityCancel),
        ("terminate_activities_operation", Permission.ActivityTerminate),
        ("delete_activities_operation", Permission.ActivityDelete),
    ];

    /// <summary>The members whose query finds activities that stand alone, not workflows.</summary>
    public static IReadOnlyList<string> OfActivities { get; } = ["cancel_activities_operation", "terminate_activities_operation", "delete_activities_operation"];
}
