using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>Where the names of one request stand: slots of the lens's root frame, -1 where the request has no such name.</summary>
internal sealed class TemporalNames
{
    private static readonly TemporalRole[] s_targets =
        [TemporalRole.Signal, TemporalRole.Update, TemporalRole.Query, TemporalRole.ScheduleId, TemporalRole.Target, TemporalRole.ActivityId, TemporalRole.NexusEndpoint];

    private readonly string?[] _paths = new string?[Enum.GetValues<TemporalRole>().Length];

    public TemporalNames(IReadOnlyList<TemporalPath> found, TemporalShape shape)
    {
        foreach (var path in found)
        {
            // What an option would make of a thing is not the thing's own name, and the type a worker's queue is polled for isn't either.
            var own = !path.Repeated && path.Role < TemporalRole.TaskToken
                && !path.Path.StartsWith("activity_options.", StringComparison.Ordinal)
                && path.Path is not ("worker_control_task_queue" or "sticky_task_queue" or "sticky_attributes.worker_task_queue.name" or "worker_heartbeat.task_queue");
            ref var best = ref _paths[(int)path.Role];
            if (own && !(shape is TemporalShape.Batch or TemporalShape.Schedule && path.Depth > 0) && (best is null || path.Depth < best.Count(c => c == '.')))
            {
                best = path.Path;
            }
        }
    }

    public IEnumerable<string> Paths => _paths.OfType<string>();

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
        Targets = [.. s_targets.Select(Slot).Where(s => s >= 0)];
    }
}
