using Postern.Engines.Temporal;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// Caller bound to a task × operation → go, where it answers that very task and the task runs. Whoever is bound to none isn't looked at; whoever is, is judged by the
/// policy afterwards like everybody else.
/// </summary>
internal sealed class BoundTaskStage
{
    private const int FrameHead = 5;

    private static readonly Refusal s_elsewhere =
        new(RefusalReason.NotAllowed, "Request unauthorized. The token is bound to one activity task, and the call is no answer to it.", "bound to a task");

    private static readonly Refusal s_ended =
        new(RefusalReason.Unauthenticated, "Request unauthenticated. The task that the token is bound to no longer runs.", "the bound task has ended");

    private static readonly Refusal s_unknown =
        new(RefusalReason.CannotTell, "Can't tell whether the task that the token is bound to runs: the engine can't be asked.", "bound to a task");

#pragma warning disable CA1822 // Belongs to the stages.
    public ValueTask<Refusal?> RunAsync(Call call) => call.Token.Caller.Task is { } task ? CheckAsync(call, task) : default;
#pragma warning restore CA1822

    private static async ValueTask<Refusal?> CheckAsync(Call call, BoundTask task)
    {
        // Every SDK asks what the server can do before its first call.
        if (!string.Equals(task.Engine, call.Engine.Name, StringComparison.Ordinal) || (call.Method.Row.Answer != TemporalAnswer.ToAnybody && !Answers(call, task)))
        {
            return s_elsewhere;
        }

        var facts = await call.Engine.Lookups.AttemptOf(task.Namespace, task.WorkflowId, task.RunId, task.ActivityId, task.Attempt, call.Lifetime.RequestAborted);
        return facts is null ? s_unknown : facts.IsStill(task) ? null : s_ended;
    }

    // By a token that was handed out here: what nobody sealed, or names a task by ids, names no attempt that the engine would hold it to.
    private static bool Answers(Call call, BoundTask task)
    {
        if (call.Task is not { Kind: TaskKind.Activity } facts || !string.Equals(facts.Namespace, task.Namespace, StringComparison.Ordinal))
        {
            return false;
        }

        // As it goes out: without its seal, unpacked.
        using var lens = MessageLens.Read(call.Method.Lens, call.Message.Span[FrameHead..]);
        return lens.Fault is null && ActivityTaskToken.Read(lens.Bytes(0, call.Method.Names.TaskToken)) is { } token
            && (token.WorkflowId, token.RunId, token.ActivityId, token.Attempt) == (task.WorkflowId, task.RunId, task.ActivityId, task.Attempt);
    }
}
