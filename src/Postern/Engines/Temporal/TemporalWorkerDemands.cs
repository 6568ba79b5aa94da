using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

internal partial class TemporalDemands
{
    private const string Mailboxes = "temporal-sys/worker-commands/";

    // temporal-sys/worker-commands/<namespace>/<key>: where the server leaves word for one worker.
    private static bool IsOwnMailbox(string? queue, string? ns)
    {
        if (queue is null || ns is null || !queue.StartsWith(Mailboxes, StringComparison.Ordinal))
        {
            return false;
        }

        var rest = queue.AsSpan(Mailboxes.Length);
        return rest.Length > ns.Length + 1 && rest.StartsWith(ns) && rest[ns.Length] == '/' && !rest[(ns.Length + 1)..].Contains('/');
    }

    // Its name says nothing about the work that the worker may take.
    private static Demand WithoutMailbox(in Demand demand) => demand with { TaskQueue = null, Waived = demand.Waived | Dimensions.TaskQueue };

    private sealed class PollDemands(TemporalOperation row, TemporalNames names, LensNode lens) : TemporalDemands(row, names)
    {
        private const int Sticky = 2; // TASK_QUEUE_KIND_STICKY
        private readonly int _kind = lens.SlotOf("task_queue.kind");
        private readonly int _normal = lens.SlotOf("task_queue.normal_name");
        private readonly WorkerQueues _queues = new(lens);

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            var name = first.TaskQueue;
            if (lens.Enum(0, _kind) == Sticky)
            {
                var normal = lens.Name(0, _normal);
                first = first with { TaskQueue = normal, Unknown = normal is null ? first.Unknown | Dimensions.TaskQueue : first.Unknown };
                if (!IsGenerated(name))
                {
                    // To the server a queue is its name, sticky or not: by calling another's normal queue sticky one would be handed its tasks.
                    more.Add(first with { TaskQueue = name });
                }
            }
            else if (IsOwnMailbox(name, first.Namespace))
            {
                first = WithoutMailbox(in first);
            }

            _queues.Add(in lens, in first, ref more);
        }

        // Every SDK puts a random UUID into the name of its sticky queue: 32 hexadecimal digits, dashes or not.
        private static bool IsGenerated(string? name)
        {
            var digits = 0;
            foreach (var c in name ?? "")
            {
                digits = char.IsAsciiHexDigit(c) ? digits + 1 : c == '-' ? digits : 0;
                if (digits >= 32)
                {
                    return true;
                }
            }

            return false;
        }
    }

    private sealed class WorkerReportDemands(TemporalOperation row, TemporalNames names, LensNode lens) : TemporalDemands(row, names)
    {
        private readonly WorkerQueues _queues = new(lens);

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            if (IsOwnMailbox(first.TaskQueue, first.Namespace))
            {
                first = WithoutMailbox(in first);
            }

            _queues.Add(in lens, in first, ref more);
        }
    }

    /// <summary>The queues that a worker names in the report on itself: each must be one that it may report on.</summary>
    private readonly struct WorkerQueues(LensNode lens)
    {
        private readonly int _list = lens.At("worker_heartbeat") is { Kind: LensKind.MessageList } list ? list.Slot : -1;
        private readonly int _inList = lens.At("worker_heartbeat")?.Node?.SlotOf("task_queue") ?? -1;
        private readonly int _single = lens.At("worker_heartbeat") is { Kind: LensKind.Message } ? lens.SlotOf("worker_heartbeat.task_queue") : -1;

        public void Add(in MessageLens lens, in Demand first, ref DemandList more)
        {
            AddQueue(lens.Name(0, _single), in first, ref more);
            for (var element = lens.FirstOf(0, _list); element != 0; element = lens.NextOf(element))
            {
                AddQueue(lens.Name(element, _inList), in first, ref more);
            }
        }

        private static void AddQueue(string? queue, in Demand first, ref DemandList more)
        {
            var isNamed = queue is null || IsOwnMailbox(queue, first.Namespace) || (first.Permission == Permission.WorkerHeartbeat && string.Equals(queue, first.TaskQueue, StringComparison.Ordinal));
            for (var i = 0; i < more.Count && !isNamed; i++)
            {
                isNamed = more[i].Permission == Permission.WorkerHeartbeat && string.Equals(queue, more[i].TaskQueue, StringComparison.Ordinal);
            }

            if (!isNamed)
            {
                more.Add(new Demand { Permission = Permission.WorkerHeartbeat, Namespace = first.Namespace, TaskQueue = queue });
            }
        }
    }

    private sealed class WorkflowTaskDemands(TemporalOperation row, TemporalNames names, LensNode lens) : TemporalDemands(row, names)
    {
        private readonly int _commands = lens.SlotOf("commands");
        private readonly StartSlots _child = new(lens.At("commands")!.Node!, "start_child_workflow_execution_command_attributes.");
        private readonly int _childNamespace = InCommand(lens, "start_child_workflow_execution_command_attributes.namespace");
        private readonly int _signalNamespace = InCommand(lens, "signal_external_workflow_execution_command_attributes.namespace");
        private readonly int _signalId = InCommand(lens, "signal_external_workflow_execution_command_attributes.execution.workflow_id");
        private readonly int _signalName = InCommand(lens, "signal_external_workflow_execution_command_attributes.signal_name");
        private readonly int _cancelNamespace = InCommand(lens, "request_cancel_external_workflow_execution_command_attributes.namespace");
        private readonly int _cancelId = InCommand(lens, "request_cancel_external_workflow_execution_command_attributes.workflow_id");
        private readonly int _nexus = InCommand(lens, "schedule_nexus_operation_command_attributes");
        private readonly int _endpoint = InCommand(lens, "schedule_nexus_operation_command_attributes.endpoint");
        private readonly int _service = InCommand(lens, "schedule_nexus_operation_command_attributes.service");
        private readonly int _operation = InCommand(lens, "schedule_nexus_operation_command_attributes.operation");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            var own = first.Namespace;
            for (var command = lens.FirstOf(0, _commands); command != 0; command = lens.NextOf(command))
            {
                if (lens.Has(command, _nexus))
                {
                    more.Add(new Demand
                    {
                        Permission = Permission.NexusCall,
                        Namespace = own,
                        NexusEndpoint = lens.Name(command, _endpoint),
                        NexusService = lens.Name(command, _service),
                        NexusOperation = lens.Name(command, _operation),
                        Unknown = first.Unknown & Dimensions.Namespace,
                    });
                }
                else if (IsForeign(in lens, command, _childNamespace, own))
                {
                    more.Add(_child.Read(in lens, command, own));
                }
                else if (IsForeign(in lens, command, _signalNamespace, own))
                {
                    more.Add(OnRun(Permission.WorkflowSignal, in lens, command, _signalNamespace, _signalId) with { Signal = lens.Name(command, _signalName) });
                }
                else if (IsForeign(in lens, command, _cancelNamespace, own))
                {
                    more.Add(OnRun(Permission.WorkflowCancel, in lens, command, _cancelNamespace, _cancelId));
                }
            }
        }

        private static int InCommand(LensNode lens, string path) => lens.At("commands")!.Node!.SlotOf(path);

        // Without a namespace a command acts in the worker's own; where the answer doesn't name that either, any name may be another's.
        private static bool IsForeign(in MessageLens lens, int command, int slot, string? own) =>
            !lens.Bytes(command, slot).IsEmpty && (own is null || !string.Equals(lens.Name(command, slot), own, StringComparison.Ordinal));

        private static Demand OnRun(Permission permission, in MessageLens lens, int command, int ns, int id) => new()
        {
            Permission = permission,
            Namespace = lens.Name(command, ns),
            WorkflowId = lens.Text(command, id),
            Unknown = Dimensions.WorkflowType | Dimensions.TaskQueue,
        };
    }
}
