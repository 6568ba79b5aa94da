using System.Text;
using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.Engines.Temporal.Lens;

namespace Postern.Pipeline;

/// <summary>What was found out about a run: null members weren't told.</summary>
/// <param name="Exists">False where the engine knows no such run.</param>
/// <param name="Type">The workflow's type.</param>
/// <param name="TaskQueue">Its task queue.</param>
/// <param name="Activities">Its pending activities, by id.</param>
internal sealed record RunFacts(bool Exists, string? Type, string? TaskQueue, IReadOnlyDictionary<string, ActivityFacts> Activities);

/// <summary>A pending activity.</summary>
internal sealed record ActivityFacts(string? Type, string? TaskQueue);

/// <summary>What became of an attempt of an activity.</summary>
internal enum AttemptState : byte
{
    /// <summary>It doesn't run, or no longer.</summary>
    Ended,

    Running,

    /// <summary>It runs, and was asked to stop: its cancellation or a pause waits for it.</summary>
    Stopping,
}

/// <summary>An attempt of an activity, as the engine sees it.</summary>
/// <param name="State">Whether it runs.</param>
/// <param name="Started">When it began.</param>
/// <param name="Ends">When the engine gives it up at the latest; null where it doesn't say.</param>
internal sealed record AttemptFacts(AttemptState State, DateTimeOffset Started, DateTimeOffset? Ends)
{
    /// <summary>Whether it is the one that a token was bound to, and runs.</summary>
    public bool IsStill(Model.BoundTask task) => State != AttemptState.Ended && Started == task.Started;
}

/// <summary>
/// Asks the engine for what a decision needs and the message doesn't carry: a namespace's name by its id, a run's type by its id. In the gate's own name, each
/// question once however many wait for it, and remembered: a named run's type for five minutes, what may change the next moment for two seconds, whether an attempt runs for one.
/// </summary>
internal sealed class EngineLookups
{
    // A workflow id may name another run the next moment; within this time a burst of calls asks once.
    private static readonly TimeSpan ForAMoment = TimeSpan.FromSeconds(2);

    // An attempt may end any moment, and what is bound to it then ends too.
    private static readonly TimeSpan ForAnInstant = TimeSpan.FromSeconds(1);

    // A deleted namespace gives its name away and keeps its id.
    private static readonly TimeSpan ForAWhile = TimeSpan.FromMinutes(5);

    private readonly EngineClient _client;
    private readonly TemporalMethod? _describeNamespace;
    private readonly TemporalMethod? _describeRun;
    private readonly LensNode? _namespace;
    private readonly LensNode? _run;
    private readonly AttemptLens? _attempt;
    private readonly KnownAnswers<string, string> _names;
    private readonly KnownAnswers<(string Namespace, string Workflow, string Run, bool Activities), RunFacts> _runs;
    private readonly KnownAnswers<(string Namespace, string Workflow, string Run, string Activity, int Attempt), AttemptFacts> _attempts;

    public EngineLookups(EngineClient client, TemporalCatalogue catalogue, TimeProvider time)
    {
        _client = client;
        _names = new(time);
        _runs = new(time);
        _attempts = new(time);
        _describeNamespace = catalogue.Methods.FirstOrDefault(m => m.Name is "DescribeNamespace");
        _describeRun = catalogue.Methods.FirstOrDefault(m => m.Name is "DescribeWorkflowExecution");
        _namespace = _describeNamespace is null ? null : LensCompiler.Compile(_describeNamespace.Answer, ["namespace_info.name", "namespace_info.id"]);
        _run = _describeRun is null ? null : LensCompiler.Compile(_describeRun.Answer,
        [
            "workflow_execution_info.type.name", "workflow_execution_info.task_queue",
            "pending_activities[].activity_id", "pending_activities[].activity_type.name", "pending_activities[].activity_options.task_queue.name",
        ]);
        _attempt = _describeRun is null ? null : new AttemptLens(_describeRun.Answer);
    }

    /// <summary>The name of the namespace with an id; empty where there is none; null where the engine can't be asked.</summary>
    public Task<string?> NamespaceOf(string id, CancellationToken cancellation) =>
        _names.FindAsync(id, () => AskNamespaceAsync(id), cancellation);

    /// <summary>What a run is; null where the engine can't be asked.</summary>
    /// <param name="ns">Its namespace.</param>
    /// <param name="workflow">Its workflow id.</param>
    /// <param name="run">Its run id; null for the current one.</param>
    /// <param name="activities">Whether its pending activities count, which come and go.</param>
    /// <param name="cancellation">Ends the wait, not the question, which others may wait for too.</param>
    public Task<RunFacts?> RunOf(string ns, string workflow, string? run, bool activities, CancellationToken cancellation) =>
        _runs.FindAsync((ns, workflow, run ?? "", activities), () => AskRunAsync(ns, workflow, run, run is null || activities ? ForAMoment : ForAWhile), cancellation);

    /// <summary>Whether an attempt runs; null where the engine can't be asked. Only to be asked of an attempt whose task was handed out: the engine has it since.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="workflow">The workflow's id.</param>
    /// <param name="run">Its run.</param>
    /// <param name="activity">The activity's id.</param>
    /// <param name="attempt">Which attempt.</param>
    /// <param name="cancellation">Ends the wait, not the question.</param>
    public Task<AttemptFacts?> AttemptOf(string ns, string workflow, string run, string activity, int attempt, CancellationToken cancellation) =>
        _attempts.FindAsync((ns, workflow, run, activity, attempt), () => AskAttemptAsync(ns, workflow, run, activity, attempt), cancellation);

    private async Task<(string? Found, TimeSpan Keep)> AskNamespaceAsync(string id)
    {
        if (_describeNamespace is null)
        {
            return (null, TimeSpan.Zero);
        }

        var reply = await _client.CallAsync(_describeNamespace, Message(to => Write(to, 2, id)), "temporal-system:read", CancellationToken.None);
        if (!reply.IsOk)
        {
            return reply.Status == EngineReply.NotFound ? ("", ForAMoment) : (null, TimeSpan.Zero);
        }

        using var lens = MessageLens.Read(_namespace!, reply.Message.Span);
        // Whatever else the engine might answer with: only the namespace of that very id counts.
        var isIt = lens.Fault is null && lens.Bytes(0, _namespace!.SlotOf("namespace_info.id")).SequenceEqual(Encoding.UTF8.GetBytes(id));
        return isIt ? (lens.Name(0, _namespace!.SlotOf("namespace_info.name")) ?? "", ForAWhile) : (null, TimeSpan.Zero);
    }

    private async Task<(RunFacts? Found, TimeSpan Keep)> AskRunAsync(string ns, string workflow, string? run, TimeSpan keep)
    {
        if (_describeRun is null)
        {
            return (null, TimeSpan.Zero);
        }

        var reply = await DescribeAsync(_describeRun, ns, workflow, run);
        if (!reply.IsOk)
        {
            return reply.Status == EngineReply.NotFound ? (new RunFacts(false, null, null, new Dictionary<string, ActivityFacts>()), ForAMoment) : (null, TimeSpan.Zero);
        }

        return Read(reply.Message.Span) is { } facts ? (facts, keep) : (null, TimeSpan.Zero);
    }

    private async Task<(AttemptFacts? Found, TimeSpan Keep)> AskAttemptAsync(string ns, string workflow, string run, string activity, int attempt)
    {
        if (_describeRun is null || _attempt is null)
        {
            return (null, TimeSpan.Zero);
        }

        var reply = await DescribeAsync(_describeRun, ns, workflow, run);
        return reply.Status == EngineReply.NotFound ? (AttemptLens.Ended, ForAnInstant)
            : reply.IsOk && _attempt.Read(reply.Message.Span, run, activity, attempt) is { } facts ? (facts, ForAnInstant)
            : (null, TimeSpan.Zero);
    }

    private Task<EngineReply> DescribeAsync(TemporalMethod method, string ns, string workflow, string? run) => _client.CallAsync(
        method,
        Message(to =>
        {
            Write(to, 1, ns);
            Write(to, 2, Message(execution =>
            {
                Write(execution, 1, workflow);
                Write(execution, 2, run ?? "");
            }));
        }),
        ns + ":read", CancellationToken.None);

    private RunFacts? Read(ReadOnlySpan<byte> message)
    {
        using var lens = MessageLens.Read(_run!, message);
        if (lens.Fault is not null)
        {
            return null;
        }

        var list = _run!.At("pending_activities")!;
        var (id, type, queue) = (list.Node!.SlotOf("activity_id"), list.Node.SlotOf("activity_type.name"), list.Node.SlotOf("activity_options.task_queue.name"));
        var activities = new Dictionary<string, ActivityFacts>(StringComparer.Ordinal);
        for (var element = lens.FirstOf(0, list.Slot); element != 0; element = lens.NextOf(element))
        {
            if (lens.Text(element, id) is { } name)
            {
                activities[name] = new ActivityFacts(lens.Name(element, type), lens.Name(element, queue));
            }
        }

        return new RunFacts(true, lens.Name(0, _run.SlotOf("workflow_execution_info.type.name")), lens.Name(0, _run.SlotOf("workflow_execution_info.task_queue")), activities);
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var buffer = new MemoryStream();
        using (var to = new CodedOutputStream(buffer, leaveOpen: true))
        {
            write(to);
        }

        return buffer.ToArray();
    }

    private static void Write(CodedOutputStream to, int field, string value) => Write(to, field, Encoding.UTF8.GetBytes(value));

    private static void Write(CodedOutputStream to, int field, byte[] value)
    {
        if (value.Length > 0)
        {
            to.WriteTag(field, WireFormat.WireType.LengthDelimited);
            to.WriteBytes(ByteString.CopyFrom(value));
        }
    }
}
