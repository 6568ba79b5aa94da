using System.Text;
using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>How one method's demands follow from its message: the base demand, and what fields and nested parts ask for on top.</summary>
internal partial class TemporalDemands
{
    private readonly TemporalOperation _row;
    private readonly TemporalNames _names;

    private readonly ReservedPaths _reserved;
    private readonly int _query;

    protected TemporalDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens)
    {
        _row = row;
        _names = names;
        _reserved = reserved;
        _query = row.Narrowed is { } field ? lens.SlotOf(field) : -1;
    }

    public static TemporalDemands For(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens, FileDescriptor file) => row.Shape switch
    {
        TemporalShape.Start => new StartDemands(row, names, reserved, lens),
        TemporalShape.SignalWithStart => new SignalWithStartDemands(row, names, reserved, lens),
        TemporalShape.MultiOperation => new MultiOperationDemands(row, names, reserved, lens),
        TemporalShape.Schedule => new ScheduleDemands(row, names, reserved, lens),
        TemporalShape.SchedulePatch => new SchedulePatchDemands(row, names, reserved, lens),
        TemporalShape.Batch => new BatchDemands(row, names, reserved, lens),
        TemporalShape.Reset => new ResetDemands(row, names, reserved, lens),
        TemporalShape.Poll => new PollDemands(row, names, reserved, lens),
        TemporalShape.WorkflowTaskAnswer => new WorkflowTaskDemands(row, names, reserved, lens, file),
        TemporalShape.WorkerReport => new WorkerReportDemands(row, names, reserved, lens),
        TemporalShape.ActivityOptions => new ActivityOptionsDemands(row, names, reserved, lens),
        TemporalShape.TaskQueueList => new TaskQueueListDemands(row, names, reserved, lens),
        TemporalShape.NexusEndpoint => new NexusEndpointDemands(row, names, reserved, lens),
        TemporalShape.NexusStart => new NexusStartDemands(row, names, reserved, lens),
        TemporalShape.RemoteCluster => new RemoteClusterDemands(row, names, reserved, lens),
        _ => new TemporalDemands(row, names, reserved, lens),
    };

    /// <param name="lens">The message.</param>
    /// <param name="task">What its task token's seal says; null where it answers no task or the token has none.</param>
    /// <param name="callbacks">The addresses that the server may call.</param>
    /// <param name="open">Opens the seals of callback tokens; null where nothing is sealed.</param>
    /// <param name="refusal">Why it can't be judged; null where it can.</param>
    public Operation? Build(in MessageLens lens, TaskFacts? task, CallbackAddresses callbacks, TaskOpener? open, out Refusal? refusal)
    {
        var first = Base(in lens, task);
        refusal = Check(in lens, in first);
        if (refusal is not null)
        {
            return null;
        }

        var more = new DemandList();
        Add(in lens, ref first, ref more);
        AddControlQueue(in lens, in first, ref more);
        refusal = AddCallbacks(in lens, callbacks, open, in first, ref more, out var hasSeals);
        if (refusal is not null)
        {
            return null;
        }

        AddComputeEndpoints(in lens, in first, ref more);
        AddReserved(in lens, in first, ref more);
        return new Operation
        {
            Method = _row.Name,
            Namespace = first.Namespace,
            TaskQueue = first.TaskQueue,
            WorkflowId = first.RunId is null ? first.WorkflowId : null,
            WorkflowType = first.WorkflowType,
            RunId = lens.Text(0, _names.RunId),
            NamespaceId = _row.Shape == TemporalShape.NamespaceById && first.Namespace is null ? lens.Text(0, _names.NamespaceId) : null,
            Target = Target(in lens, in first),
            StickyQueue = StickyQueue(in lens),
            ControlQueue = ControlQueue(in lens, first.Namespace),
            SealedCallbacks = hasSeals,
            MoreNamespaces = more.OtherNamespaces(first.Namespace),
            Fault = Fault(in lens, in first),
            Query = _query >= 0 ? Query(in lens, lens.Text(0, _query) ?? "") : null,
            First = first,
            More = more.ToArray(),
        };
    }

    /// <summary>The query, where narrowing it narrows all that the call acts on; else null.</summary>
    protected virtual string? Query(in MessageLens lens, string query) => query;

    /// <summary>What can't be judged whatever the policy says; null where all is well.</summary>
    protected virtual Refusal? Check(in MessageLens lens, in Demand first)
    {
        var none = _row.Scope == TemporalScope.Cluster || first.Namespace is not null || first.Unknown.HasFlag(Dimensions.Namespace) || _row.Shape == TemporalShape.NamespaceOptional;
        return none ? null : TemporalReader.Unreadable("Namespace not set on request.", "no namespace");
    }

    /// <summary>Why the call is refused although it could be judged as far as it was read; null where it was read whole.</summary>
    protected virtual Refusal? Fault(in MessageLens lens, in Demand first) => null;

    /// <summary>The sticky queue that is polled, or on which an answered run's next tasks are to be left; null where none is.</summary>
    protected virtual string? StickyQueue(in MessageLens lens) => null;

    /// <summary>The queue on which the server leaves word for the worker that calls; null where the call names none of its namespace.</summary>
    protected virtual string? ControlQueue(in MessageLens lens, string? ns) => Mailbox(lens.Name(0, _names.ControlQueue), ns);

    /// <summary>Adds what the message asks for beyond the base demand, which it may complete.</summary>
    protected virtual void Add(in MessageLens lens, ref Demand first, ref DemandList more)
    {
    }

    private Demand Base(in MessageLens lens, TaskFacts? task)
    {
        var first = new Demand
        {
            Permission = _row.Base,
            // The server takes the token's where the message names none.
            Namespace = lens.Name(0, _names.Namespace) ?? task?.Namespace,
            // Sealed without a queue: the task came from the worker's own mailbox, which says nothing about the work that it may take.
            TaskQueue = task is null ? lens.Name(0, _names.TaskQueue) : task.TaskQueue.Length == 0 ? null : task.TaskQueue,
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
            UnlessDenied = _row.IsOpen,
            ClusterScope = _row.ClusterScope || (_row.Shape == TemporalShape.NamespaceOptional && first.Namespace is null),
        };
    }

    // By its id, or by the token: the name is there, but not to be read here.
    private bool NamespaceComesLater(in MessageLens lens) => _row.Shape switch
    {
        TemporalShape.NamespaceById => !lens.Bytes(0, _names.NamespaceId).IsEmpty,
        TemporalShape.Answer or TemporalShape.WorkflowTaskAnswer => !lens.Bytes(0, _names.TaskToken).IsEmpty,
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

    private void AddReserved(in MessageLens lens, in Demand first, ref DemandList more)
    {
        var own = IsReserved(in first);
        var reserved = own || _reserved.IsUsed(in lens, first.Namespace);
        byte command = 0;
        for (var i = 0; i < more.Count && command == 0; i++)
        {
            if (IsReserved(in more[i]) || (more[i].Command != 0 && TemporalReserved.IsWorkflow(more[i].WorkflowId)))
            {
                reserved = true;
                command = own ? command : more[i].Command;
            }
        }

        if (reserved)
        {
            more.Add(OnCluster(in first) with { Command = command });
        }
    }

    private static bool IsReserved(in Demand demand) => TemporalReserved.IsNamespace(demand.Namespace) || TemporalReserved.IsQueue(demand.TaskQueue);

    private static Demand OnCluster(in Demand first) => new() { Permission = Permission.ClusterAdmin, ClusterScope = true, Namespace = first.Namespace };

    // Where the server is to leave word for the worker that asks or answers: its own mailbox, or a queue that it may poll.
    private void AddControlQueue(in MessageLens lens, in Demand first, ref DemandList more)
    {
        if (lens.Name(0, _names.ControlQueue) is { } queue && !TemporalReserved.IsOwnMailbox(queue, first.Namespace))
        {
            more.Add(new Demand { Permission = Permission.WorkerPoll, Namespace = first.Namespace, TaskQueue = queue, Unknown = first.Unknown & Dimensions.Namespace });
        }
    }

    // Through its endpoint the server has a deployment's workers started and stopped.
    private void AddComputeEndpoints(in MessageLens lens, in Demand first, ref DemandList more)
    {
        foreach (var (list, endpoint) in _names.ComputeEndpoints)
        {
            List<int>? elements = null;
            list.Collect(in lens, ref elements);
            for (var i = 0; i < elements?.Count; i++)
            {
                if (lens.Name(elements[i], endpoint) is { } name)
                {
                    more.Add(new Demand
                    {
                        Permission = Permission.NexusCall,
                        Namespace = first.Namespace,
                        NexusEndpoint = name,
                        Unknown = Dimensions.NexusService | Dimensions.NexusOperation,
                    });
                }
            }
        }
    }

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
