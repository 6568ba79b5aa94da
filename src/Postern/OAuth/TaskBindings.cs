using System.Buffers;
using Postern.Engines.Temporal;
using Postern.Engines.Temporal.Lens;
using Postern.Model;
using Postern.Pipeline;
using Postern.Policy;

namespace Postern.OAuth;

/// <summary>
/// Binds tokens to tasks: for a task of an activity that was handed out here, to whoever may answer it, while the engine says that its attempt runs. Whether it still
/// does is asked each time that it matters.
/// </summary>
internal sealed class TaskBindings(IReadOnlyList<TemporalEngine> engines, PolicySet policy, TimeProvider time)
{
    private const string Answer = "RespondActivityTaskCompleted";

    /// <summary>The task that a request asks its token to be bound to, and when the engine gives it up at the latest. Null where none is named. Throws <see cref="OAuthException"/>.</summary>
    /// <param name="form">The request.</param>
    /// <param name="caller">Whom the token is to speak for.</param>
    public async ValueTask<(BoundTask Task, DateTimeOffset Ends)?> BindAsync(OAuthForm form, Caller caller)
    {
        if (form[TaskDetails.Name] is not { } text)
        {
            return null;
        }

        var sealedToken = TaskDetails.ReadRequest(text);
        var (engine, facts, token) = Open(sealedToken);
        CheckMayAnswer(engine, sealedToken, caller, new Circumstances(form.Source, time.GetUtcNow()));
        var attempt = await engine.Lookups.AttemptOf(facts.Namespace, token.WorkflowId, token.RunId, token.ActivityId, token.Attempt, form.Cancellation);
        return attempt switch
        {
            null => throw Unknown(),
            { State: AttemptState.Running, Ends: { } ends } => (Bound(engine, facts, token, attempt), ends),
            { State: AttemptState.Running } => throw OAuthException.Unavailable("The engine doesn't say how long the task may take."),
            { State: AttemptState.Stopping } => throw TaskDetails.Invalid("The task was asked to stop."),
            _ => throw TaskDetails.Invalid("The task doesn't run, or no longer."),
        };
    }

    /// <summary>Whether the task that a token is bound to runs. Throws <see cref="OAuthException"/> where that can't be told.</summary>
    public async ValueTask<bool> RunsAsync(BoundTask task, CancellationToken cancellation)
    {
        if (engines.FirstOrDefault(engine => engine.Name == task.Engine) is not { } engine)
        {
            return false;
        }

        var attempt = await engine.Lookups.AttemptOf(task.Namespace, task.WorkflowId, task.RunId, task.ActivityId, task.Attempt, cancellation);
        return attempt?.IsStill(task) ?? throw Unknown();
    }

    // Each engine has seals of its own: whichever opens this one handed the task out. What nobody sealed is nobody's, also where a gate takes such answers for a migration.
    private (TemporalEngine Engine, TaskFacts Facts, ActivityTaskToken Token) Open(byte[] sealedToken)
    {
        foreach (var engine in engines)
        {
            if (engine.Tasks.Open(sealedToken, out var length) is { } facts)
            {
                return facts.Kind == TaskKind.Activity && ActivityTaskToken.Read(sealedToken.AsSpan(0, length)) is { } token
                    ? (engine, facts, token)
                    : throw TaskDetails.Invalid("A token is bound to an activity of a workflow, and to no other kind of task.");
            }
        }

        throw TaskDetails.Invalid("The task token isn't one that was handed out here.");
    }

    // As its answer would be: read by the same rules, judged by the same policy.
    private void CheckMayAnswer(TemporalEngine engine, byte[] sealedToken, Caller caller, Circumstances circumstances)
    {
        if (!caller.Engines.IsEmpty && !caller.Engines.Contains(engine.Name))
        {
            throw TaskDetails.Invalid("The task is of an engine that the credential isn't good for.");
        }

        var method = engine.Catalogue.Methods.First(method => method.Name is Answer);
        var message = new ArrayBufferWriter<byte>(sealedToken.Length + 8);
        Wire.WriteField(method.Request.FindFieldByName("task_token").FieldNumber, sealedToken, message);
        var operation = TemporalReader.Read(method, message.WrittenSpan, CallbackAddresses.None, engine.Tasks.Opener, out _, out var refusal);
        if (operation is null || operation.Fault is not null)
        {
            throw TaskDetails.Invalid((refusal ?? operation?.Fault)?.Text ?? "The task token can't be read.");
        }

        // As the caller will come: a namespace may take tokens and no keys.
        var decision = policy.For(caller with { Credential = CredentialKind.Postern }).DecideAll(operation, circumstances, out var decisive);
        if (!decision.IsAllowed)
        {
            refusal = PolicyRefusal.For(caller, operation[decisive], decision);
            throw decision.Kind == DecisionKind.CannotTell ? OAuthException.Unavailable(refusal.Text) : TaskDetails.Invalid(refusal.Text);
        }
    }

    private static BoundTask Bound(TemporalEngine engine, TaskFacts facts, ActivityTaskToken token, AttemptFacts attempt) => new()
    {
        Engine = engine.Name,
        Namespace = facts.Namespace,
        WorkflowId = token.WorkflowId,
        RunId = token.RunId,
        ActivityId = token.ActivityId,
        ActivityType = token.ActivityType,
        Attempt = token.Attempt,
        Started = attempt.Started,
    };

    private static OAuthException Unknown() => OAuthException.Unavailable("Whether the task runs can't be told: the engine can't be asked.");
}
