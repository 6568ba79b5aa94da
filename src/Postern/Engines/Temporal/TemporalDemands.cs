using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>How one method's demands follow from its message: the base demand, and what fields and nested parts ask for on top.</summary>
internal partial class TemporalDemands
{
    private readonly TemporalOperation _row;
    private readonly TemporalNames _names;

    protected TemporalDemands(TemporalOperation row, TemporalNames names)
    {
        _row = row;
        _names = names;
    }

    public static TemporalDemands For(TemporalOperation row, TemporalNames names, LensNode lens) => row.Shape switch
    {
        TemporalShape.Start => new StartDemands(row, names, lens),
        TemporalShape.SignalWithStart => new SignalWithStartDemands(row, names, lens),
        TemporalShape.MultiOperation => new MultiOperationDemands(row, names, lens),
        TemporalShape.Schedule => new ScheduleDemands(row, names, lens),
        TemporalShape.SchedulePatch => new SchedulePatchDemands(row, names, lens),
        TemporalShape.Batch => new BatchDemands(row, names, lens),
        TemporalShape.Reset => new ResetDemands(row, names, lens),
        TemporalShape.Poll => new PollDemands(row, names, lens),
        TemporalShape.WorkflowTaskAnswer => new WorkflowTaskDemands(row, names, lens),
        TemporalShape.WorkerReport => new WorkerReportDemands(row, names, lens),
        TemporalShape.ActivityOptions => new ActivityOptionsDemands(row, names, lens),
        TemporalShape.TaskQueueList => new TaskQueueListDemands(row, names, lens),
        TemporalShape.NexusEndpoint => new NexusEndpointDemands(row, names, lens),
        TemporalShape.RemoteCluster => new RemoteClusterDemands(row, names, lens),
        _ => new TemporalDemands(row, names),
    };

    public Operation? Build(in MessageLens lens, out Refusal? refusal)
    {
        var first = Base(in lens);
        refusal = Check(in lens, in first);
        if (refusal is not null)
        {
            return null;
        }

        var more = new DemandList();
        Add(in lens, ref first, ref more);
        AddSystemQueues(in first, ref more);
        return new Operation
        {
            Method = _row.Name,
            Namespace = first.Namespace,
            TaskQueue = first.TaskQueue,
            WorkflowId = first.WorkflowId,
            WorkflowType = first.WorkflowType,
            RunId = lens.Text(0, _names.RunId),
            Target = Target(in lens, in first),
            MoreNamespaces = more.OtherNamespaces(first.Namespace),
            First = first,
            More = more.ToArray(),
        };
    }

    /// <summary>What can't be judged whatever the policy says; null where all is well.</summary>
    protected virtual Refusal? Check(in MessageLens lens, in Demand first)
    {
        var none = _row.Scope == TemporalScope.Cluster || first.Namespace is not null || first.Unknown.HasFlag(Dimensions.Namespace) || _row.Shape == TemporalShape.NamespaceOptional;
        return none ? null : TemporalReader.Unreadable("Namespace not set on request.", "no namespace");
    }

    /// <summary>Adds what the message asks for beyond the base demand, which it may complete.</summary>
    protected virtual void Add(in MessageLens lens, ref Demand first, ref DemandList more)
    {
    }

    private Demand Base(in MessageLens lens)
    {
        var first = new Demand
        {
            Permission = _row.Base,
            Namespace = lens.Name(0, _names.Namespace),
            TaskQueue = lens.Name(0, _names.TaskQueue),
            WorkflowType = lens.Name(0, _names.WorkflowType),
            WorkflowId = lens.Text(0, _names.WorkflowId),
            Signal = lens.Name(0, _names.Signal),
            Update = lens.Name(0, _names.Update),
            Query = lens.Name(0, _names.Query),
            NexusEndpoint = lens.Name(0, _names.NexusEndpoint),
            NexusService = lens.Name(0, _names.NexusService),
            NexusOperation = lens.Name(0, _names.NexusOperation),
            ScheduleId = lens.Text(0, _names.ScheduleId),
            ActivityType = lens.Name(0, _names.ActivityType),
            ActivityId = lens.Text(0, _names.ActivityId),
            ClusterScope = _row.ClusterScope,
        };
        var named = Named(in first);
        var unknown = _row.Unknown;
        if (first.Namespace is null && NamespaceComesLater(in lens))
        {
            unknown |= Dimensions.Namespace;
        }

        return first with
        {
            Unknown = unknown & ~named,
            Waived = _row.Waived & ~named,
            ClusterScope = _row.ClusterScope || (_row.Shape == TemporalShape.NamespaceOptional && first.Namespace is null),
        };
    }

    // By its id, or by the token: the name is there, but not to be read here.
    private bool NamespaceComesLater(in MessageLens lens) => _row.Shape switch
    {
        TemporalShape.NamespaceById => !lens.Bytes(0, _names.NamespaceId).IsEmpty,
        TemporalShape.Answer or TemporalShape.WorkflowTaskAnswer => true,
        _ => false,
    };

    private string? Target(in MessageLens lens, in Demand first)
    {
        foreach (var slot in _names.Targets)
        {
            if (lens.Name(0, slot) is { } name)
            {
                return name;
            }
        }

        return first.Signal ?? first.Update ?? first.Query ?? first.ScheduleId ?? first.ActivityId ?? first.NexusEndpoint;
    }

    // The server's own queues and partitions stand beside the users': what is started there runs with the server's rights, what is polled there is another's.
    private void AddSystemQueues(in Demand first, ref DemandList more)
    {
        if (_row.Access == TemporalAccess.Read)
        {
            return;
        }

        var system = IsSystemQueue(first.TaskQueue);
        for (var i = 0; i < more.Count && !system; i++)
        {
            system = IsSystemQueue(more[i].TaskQueue);
        }

        if (system)
        {
            more.Add(new Demand { Permission = Permission.ClusterAdmin, ClusterScope = true, Namespace = first.Namespace });
        }
    }

    private protected static bool IsSystemQueue(string? name) => name is not null
        && (name.StartsWith("temporal-sys", StringComparison.Ordinal) || name.StartsWith("/_sys/", StringComparison.Ordinal) || name.StartsWith("/__sys", StringComparison.Ordinal));

    private static Dimensions Named(in Demand demand) =>
        (demand.Namespace is null ? Dimensions.None : Dimensions.Namespace)
        | (demand.TaskQueue is null ? Dimensions.None : Dimensions.TaskQueue)
        | (demand.WorkflowType is null ? Dimensions.None : Dimensions.WorkflowType)
        | (demand.WorkflowId is null ? Dimensions.None : Dimensions.WorkflowId)
        | (demand.Update is null ? Dimensions.None : Dimensions.Update)
        | (demand.ActivityType is null ? Dimensions.None : Dimensions.ActivityType)
        | (demand.ActivityId is null ? Dimensions.None : Dimensions.ActivityId)
        | (demand.NexusEndpoint is null ? Dimensions.None : Dimensions.NexusEndpoint)
        | (demand.NexusService is null ? Dimensions.None : Dimensions.NexusService)
        | (demand.NexusOperation is null ? Dimensions.None : Dimensions.NexusOperation);
}
