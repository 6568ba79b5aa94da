using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>Where the names of one request stand: slots of the lens's root frame, -1 where the request has no such name.</summary>
internal sealed class TemporalNames
{
    private static readonly TemporalRole[] s_targets =
        [TemporalRole.Signal, TemporalRole.Update, TemporalRole.Query, TemporalRole.ScheduleId, TemporalRole.Target, TemporalRole.ActivityId, TemporalRole.NexusEndpoint];

    private const string Control = "worker_control_task_queue";

    private readonly string?[] _paths = new string?[Enum.GetValues<TemporalRole>().Length];

    private readonly string[] _callbacks;
    private readonly string[] _computeEndpoints;
    private readonly string? _control;
    private readonly string? _token;

    public TemporalNames(IReadOnlyList<TemporalPath> found, TemporalShape shape)
    {
        foreach (var path in found.Where(p => IsOwn(p, shape)))
        {
            ref var best = ref _paths[(int)path.Role];
            if (best is null || path.Depth < best.Count(c => c == '.'))
            {
                best = path.Path;
            }
        }

        _callbacks = [.. found.Where(p => p.Role == TemporalRole.Callback).Select(p => p.Path)];
        _computeEndpoints = [.. found.Where(p => p.Role == TemporalRole.NexusEndpoint && p.Path.EndsWith(".nexus_endpoint", StringComparison.Ordinal)).Select(p => p.Path)];
        _token = found.FirstOrDefault(p => p is { Role: TemporalRole.TaskToken, Depth: 0 })?.Path;
        _control = found.Any(p => p.Path is Control) ? Control : null;
    }

    /// <summary>What the call itself is about.</summary>
    public IEnumerable<string> Own => _paths.OfType<string>();

    /// <summary>Everything that is read for these names.</summary>
    public IEnumerable<string> Paths => Own.Concat(_callbacks.SelectMany(p => new[] { p + ".nexus.url", p + ".nexus.header[].key", p + ".nexus.header[].value", p + ".internal" })).Concat(_computeEndpoints)
        .Concat(_control is null ? [] : [_control]).Concat(_token is null ? [] : [_token]);

    public int Namespace { get; private set; }
    public int NamespaceId { get; private set; }
    public int TaskQueue { get; private set; }
    public int WorkflowId { get; private set; }
    public int RunId { get; private set; }
    public int WorkflowType { get; private set; }
    public int ActivityId { get; private set; }
    public int ActivityType { get; private set; }
    public int Signal { get; private set; }
    public int Update { get; private set; }
    public int Query { get; private set; }
    public int ScheduleId { get; private set; }
    public int NexusEndpoint { get; private set; }
    public int NexusService { get; private set; }
    public int NexusOperation { get; private set; }

    /// <summary>The queue on which a poller or an answer says that its worker takes the server's commands.</summary>
    public int ControlQueue { get; private set; }

    /// <summary>The token of the task that is answered.</summary>
    public int TaskToken { get; private set; }

    /// <summary>Callbacks of what is started, and in each whether it is called by URL, by which, and with what headers.</summary>
    public CallbackSlots[] Callbacks { get; private set; } = [];

    /// <summary>Compute configurations by scaling group, and in each the endpoint of its provider.</summary>
    public (ListPath List, int Endpoint)[] ComputeEndpoints { get; private set; } = [];

    /// <summary>Whichever of these the request has names what the call is about.</summary>
    public int[] Targets { get; private set; } = [];

    /// <summary>The path that gives a role's name; null where the request has none.</summary>
    public string? PathOf(TemporalRole role) => _paths[(int)role];

    public void Place(LensNode root)
    {
        int Slot(TemporalRole role) => PathOf(role) is { } path ? root.SlotOf(path) : -1;
        Namespace = Slot(TemporalRole.Namespace);
        NamespaceId = Slot(TemporalRole.NamespaceId);
        TaskQueue = Slot(TemporalRole.TaskQueue);
        WorkflowId = Slot(TemporalRole.WorkflowId);
        RunId = Slot(TemporalRole.RunId);
        WorkflowType = Slot(TemporalRole.WorkflowType);
        ActivityId = Slot(TemporalRole.ActivityId);
        ActivityType = Slot(TemporalRole.ActivityType);
        Signal = Slot(TemporalRole.Signal);
        Update = Slot(TemporalRole.Update);
        Query = Slot(TemporalRole.Query);
        ScheduleId = Slot(TemporalRole.ScheduleId);
        NexusEndpoint = Slot(TemporalRole.NexusEndpoint);
        NexusService = Slot(TemporalRole.NexusService);
        NexusOperation = Slot(TemporalRole.NexusOperation);
        ControlQueue = _control is null ? -1 : root.SlotOf(_control);
        TaskToken = _token is null ? -1 : root.SlotOf(_token);
        Callbacks = [.. _callbacks.Select(p => new CallbackSlots(new ListPath(root, p)))];
        ComputeEndpoints = [.. _computeEndpoints.Select(p => ListPath.Split(root, p))];
        Targets = [.. s_targets.Select(Slot).Where(s => s >= 0)];
    }

    // What the call itself is about, as against what an option would make of it, what a filter looks for, or what a worker says of itself.
    private static bool IsOwn(TemporalPath path, TemporalShape shape) => path.Role switch
    {
        TemporalRole.None or TemporalRole.TaskQueueKind or TemporalRole.NormalTaskQueue or TemporalRole.VisibilityQuery or >= TemporalRole.TaskToken => false,
        _ when path.Repeated || (path.Depth > 0 && shape is TemporalShape.Batch or TemporalShape.Schedule) => false,
        TemporalRole.Target => path.Depth == 0 || path.Path.StartsWith("deployment_version.", StringComparison.Ordinal) || (path.Path is "deployment.series_name" && shape == TemporalShape.Plain),
        TemporalRole.RunId => !path.Path.StartsWith("execution_filter.", StringComparison.Ordinal),
        TemporalRole.TaskQueue => path.Path is "task_queue" or "task_queue.name" or "spec.target.worker.task_queue",
        _ => true,
    };
}

/// <summary>A list of callbacks, and where in each of them stands what is judged.</summary>
internal sealed class CallbackSlots(ListPath list)
{
    public ListPath List => list;

    /// <summary>Whether it is called by URL.</summary>
    public int Nexus { get; } = list.Node.SlotOf("nexus");

    public int Url { get; } = list.Node.SlotOf("nexus.url");

    public int Headers { get; } = list.Node.SlotOf("nexus.header");

    /// <summary>In one of the headers.</summary>
    public int HeaderName { get; } = list.Node.At("nexus.header")!.Node!.SlotOf("key");

    /// <inheritdoc cref="HeaderName"/>
    public int HeaderValue { get; } = list.Node.At("nexus.header")!.Node!.SlotOf("value");
}
