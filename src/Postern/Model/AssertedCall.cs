namespace Postern.Model;

/// <summary>What an assertion is bound to: the call that it tells of, so that it proves nothing anywhere else.</summary>
internal readonly record struct AssertedCall(string Method, string? Namespace, string? WorkflowId, string? ScheduleId, string? ActivityId)
{
    /// <summary>The binding of a call; of a schedule, the id that the workflows which it starts begin with.</summary>
    public static AssertedCall Of(Operation operation)
    {
        ref readonly var first = ref operation[0];
        var workflowId = operation.WorkflowId;
        for (var i = 1; i < operation.Count && first.ScheduleId is not null && workflowId is null; i++)
        {
            workflowId = operation[i].Permission == Permission.WorkflowStart ? operation[i].WorkflowId : null;
        }

        return new AssertedCall(operation.Method, operation.Namespace, workflowId, first.ScheduleId, first.ActivityId);
    }
}
