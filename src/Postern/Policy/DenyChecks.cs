using Postern.Model;

namespace Postern.Policy;

/// <summary>What can be wrong with a deny although each of its words is right: a deny that silently doesn't reach is a hole.</summary>
internal static class DenyChecks
{
    public static void Check(PolicyRule rule, ReadPermissions what, string path, NodeReader nodes)
    {
        foreach (var (permission, at, line) in what.Named)
        {
            foreach (var dimension in (rule.ConditionedOn & ~PermissionDimensions.Of(permission)).Each())
            {
                nodes.Error(at, line, $"{permission.Name()} can't be conditioned on {dimension.Words()}, so the deny would never reach it; "
                    + "put it into a deny without that condition");
            }
        }

        // An answer to a task names no queue; what keeps it out is that the task wasn't handed out.
        var answers = Permission.WorkerComplete.Bit() | Permission.WorkerHeartbeat.Bit();
        if ((rule.ConditionedOn & Dimensions.TaskQueue) != Dimensions.None && (rule.Permissions & answers) != 0 && (rule.Permissions & Permission.WorkerPoll.Bit()) == 0)
        {
            nodes.Error(path + ".what", rule.Line,
                "an answer to a task names no task queue, so only a deny of worker.poll keeps it from being given; add worker.poll");
        }
    }
}
