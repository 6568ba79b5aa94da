using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

internal partial class TemporalDemands
{
    // Its name says nothing about the work that the worker may take.
    private static Demand WithoutMailbox(in Demand demand) => demand with { TaskQueue = null, Waived = demand.Waived | Dimensions.TaskQueue };

    private sealed class PollDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private const int Sticky = 2; // TASK_QUEUE_KIND_STICKY
        private readonly int _kind = lens.SlotOf("task_queue.kind");
        private readonly int _normal = lens.SlotOf("task_queue.normal_name");
        private readonly WorkerQueues _queues = new(lens);

        // Word for a worker comes as a Nexus task; nothing else is ever handed out there.
        private readonly bool _hasMailbox = row.Name is "PollNexusTaskQueue";

        protected override string? StickyQueue(in MessageLens lens) => lens.Enum(0, _kind) == Sticky ? lens.Name(0, _names.TaskQueue) ?? "" : null;

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            var name = first.TaskQueue;
            if (lens.Enum(0, _kind) == Sticky)
            {
                var normal = lens.Name(0, _normal);
                first = first with { TaskQueue = normal, Unknown = normal is null ? first.Unknown | Dimensions.TaskQueue : first.Unknown };
                if (!IsGenerated(name) || TemporalReserved.IsQueue(name))
                {
                    // To the server a queue is its name, sticky or not: by calling another's normal queue sticky one would be handed its tasks.
                    more.Add(first with { TaskQueue = name });
                }
            }
            else if (_hasMailbox && TemporalReserved.IsOwnMailbox(name, first.Namespace))
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

    private sealed class WorkerReportDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly WorkerQueues _queues = new(lens);

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            if (TemporalReserved.IsOwnMailbox(first.TaskQueue, first.Namespace))
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
            var isNamed = queue is null || TemporalReserved.IsOwnMailbox(queue, first.Namespace) || (first.Permission == Permission.WorkerHeartbeat && string.Equals(queue, first.TaskQueue, StringComparison.Ordinal));
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

    private sealed class WorkflowTaskDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private const string Child = "start_child_workflow_execution_command_attributes";
        private const string Signal = "signal_external_workflow_execution_command_attributes";
        private const string Cancel = "request_cancel_external_workflow_execution_command_attributes";
        private const string Nexus = "schedule_nexus_operation_command_attributes";

        private readonly int _commands = lens.SlotOf("commands");
        private readonly StartSlots _start = new(lens.At("commands")!.Node!, Child + ".");
        private readonly int _child = InCommand(lens, Child);
        private readonly int _signal = InCommand(lens, Signal);
        private readonly int _signalNamespace = InCommand(lens, Signal + ".namespace");
        private readonly int _signalId = InCommand(lens, Signal + ".execution.workflow_id");
        private readonly int _signalName = InCommand(lens, Signal + ".signal_name");
        private readonly int _cancel = InCommand(lens, Cancel);
        private readonly int _cancelNamespace = InCommand(lens, Cancel + ".namespace");
        private readonly int _cancelId = InCommand(lens, Cancel + ".workflow_id");
        private readonly int _nexus = InCommand(lens, Nexus);
        private readonly int _endpoint = InCommand(lens, Nexus + ".endpoint");
        private readonly int _service = InCommand(lens, Nexus + ".service");
        private readonly int _operation = InCommand(lens, Nexus + ".operation");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            for (var command = lens.FirstOf(0, _commands); command != 0; command = lens.NextOf(command))
            {
                if (lens.Has(command, _nexus))
                {
                    more.Add(new Demand
                    {
                        Permission = Permission.NexusCall,
                        Namespace = first.Namespace,
                        NexusEndpoint = lens.Name(command, _endpoint),
                        NexusService = lens.Name(command, _service),
                        NexusOperation = lens.Name(command, _operation),
                        Unknown = first.Unknown & Dimensions.Namespace,
                    });
                }
                else if (lens.Has(command, _child))
                {
                    var child = Commanded(_start.Read(in lens, command, null), in first);
                    more.Add(in child);
                    // To end what runs already is no part of a worker's progress, in whatever namespace.
                    _start.AddImplied(in lens, command, in child, ref more);
                }
                else if (lens.Has(command, _signal))
                {
                    more.Add(Commanded(OnRun(Permission.WorkflowSignal, in lens, command, _signalNamespace, _signalId) with { Signal = lens.Name(command, _signalName) }, in first));
                }
                else if (lens.Has(command, _cancel))
                {
                    more.Add(Commanded(OnRun(Permission.WorkflowCancel, in lens, command, _cancelNamespace, _cancelId), in first));
                }
            }
        }

        private static int InCommand(LensNode lens, string path) => lens.At("commands")!.Node!.SlotOf(path);

        // Without a namespace a command acts in the worker's own; where the answer doesn't name that either, any name may be another's.
        private static Demand Commanded(in Demand command, in Demand first) =>
            command.Namespace is null
                ? command with { Namespace = first.Namespace, Unknown = command.Unknown | (first.Unknown & Dimensions.Namespace), UnlessDenied = true }
                : command with { UnlessDenied = string.Equals(command.Namespace, first.Namespace, StringComparison.Ordinal) };

        private static Demand OnRun(Permission permission, in MessageLens lens, int command, int ns, int id) => new()
        {
            Permission = permission,
            Namespace = lens.Name(command, ns),
            WorkflowId = lens.Text(command, id),
            Unknown = Dimensions.WorkflowType | Dimensions.TaskQueue,
        };
    }
}
