namespace Postern.Model;

/// <summary>
/// What one call asks for, in the gate's own terms: its demands, each of which must be allowed, and the names that its audit record keeps. One per call.
/// </summary>
internal sealed class Operation
{
    // A field, since the indexer hands out a reference: a demand is a dozen words and is read, never copied, on the way through the policy.
    private Demand _first;

    /// <summary>The engine's own name of the call: <c>StartWorkflowExecution</c>.</summary>
    public required string Method { get; init; }

    /// <summary>The namespace that the call acts in; null where it names none.</summary>
    public string? Namespace { get; init; }

    /// <summary>The id by which the message, or its task token, names the namespace, where the name has to be looked up or compared; null otherwise.</summary>
    public string? NamespaceId { get; set; }

    public string? TaskQueue { get; init; }

    public string? WorkflowId { get; init; }

    public string? WorkflowType { get; init; }

    public string? RunId { get; init; }

    /// <summary>What else the call is about, as the message names it: a signal, update, query, schedule, activity, batch job, endpoint, deployment.</summary>
    public string? Target { get; init; }

    /// <summary>Other namespaces that nested parts act in, comma-separated; null where there are none.</summary>
    public string? MoreNamespaces { get; init; }

    /// <summary>The visibility query that says on which workflows the call acts, where it can be narrowed to some types of them; else null.</summary>
    public string? Query { get; init; }

    /// <summary>The demand that the method itself makes.</summary>
    public required Demand First { get => _first; init => _first = value; }

    /// <summary>The demands that its fields and nested parts make on top.</summary>
    public Demand[] More { get; init; } = [];

    /// <summary>
    /// The sticky queue that is polled, which hands out the tasks of one worker's runs, or on which an answer has its run's next tasks left; <see cref="TaskQueue"/> is
    /// then its normal queue. Null otherwise.
    /// </summary>
    public string? StickyQueue { get; init; }

    /// <summary>Why the call is refused even where all its demands are allowed: a part of it can't be read. Null for most.</summary>
    public Refusal? Fault { get; init; }

    /// <summary>The queue on which the server leaves word for the worker that calls: polled, closed, or named as where word is to be left. Null otherwise.</summary>
    public string? ControlQueue { get; init; }

    /// <summary>True where tokens of callbacks carry the gate's seal, which is taken off before the engine sees them.</summary>
    public bool SealedCallbacks { get; init; }

    /// <summary>Whether a namespace is named by an id alone.</summary>
    public bool NamesById => NamespaceId is not null || NextId() is not null;

    public int Count => 1 + More.Length;

    public ref readonly Demand this[int index] => ref index == 0 ? ref _first : ref More[index - 1];

    /// <summary>The next id of a nested part whose namespace's name isn't known yet; null where all are.</summary>
    public string? NextId()
    {
        foreach (ref readonly var demand in More.AsSpan())
        {
            if (demand is { NamespaceId: { } id, Namespace: null })
            {
                return id;
            }
        }

        return null;
    }

    /// <summary>The namespaces of some demands that aren't <paramref name="own"/>, each once, comma-separated, by its id where its name isn't known; null where there are none.</summary>
    public static string? OtherNamespaces(ReadOnlySpan<Demand> demands, string? own)
    {
        HashSet<string>? others = null;
        foreach (ref readonly var demand in demands)
        {
            if ((demand.Namespace ?? demand.NamespaceId) is { } name && !string.Equals(name, own, StringComparison.Ordinal))
            {
                (others ??= new HashSet<string>(StringComparer.Ordinal)).Add(name);
            }
        }

        return others is null ? null : string.Join(',', others);
    }

    /// <summary>The same call with what was looked up: each demand completed.</summary>
    /// <param name="complete">Gives a demand with the names that it lacked.</param>
    public Operation With(Func<Demand, Demand> complete) => Of(complete(_first), Array.ConvertAll(More, demand => complete(demand)));

    /// <summary>The same call without the demands, beside its first, for a permission that it turned out not to need.</summary>
    public Operation Without(Permission permission) => Of(_first, Array.FindAll(More, demand => demand.Permission != permission));

    private Operation Of(in Demand first, Demand[] more) => new()
    {
        Method = Method,
        Namespace = Namespace ?? first.Namespace,
        NamespaceId = NamespaceId,
        TaskQueue = TaskQueue ?? first.TaskQueue,
        WorkflowId = WorkflowId,
        // Of several workflows the operation names none.
        WorkflowType = WorkflowType ?? (first.RunId is null ? first.WorkflowType : null),
        RunId = RunId,
        Target = Target,
        MoreNamespaces = OtherNamespaces(more, Namespace ?? first.Namespace),
        StickyQueue = StickyQueue,
        Fault = Fault,
        ControlQueue = ControlQueue,
        SealedCallbacks = SealedCallbacks,
        Query = Query,
        First = first,
        More = more,
    };
}
