using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

internal partial class TemporalDemands
{
    // Its name says nothing about the work that the worker may take.
    private static Demand WithoutMailbox(in Demand demand) => demand with { TaskQueue = null, Waived = demand.Waived | Dimensions.TaskQueue };

    private static string? Mailbox(string? queue, string? ns) => TemporalReserved.IsOwnMailbox(queue, ns) ? queue : null;

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

    private sealed class PollDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private const int Sticky = 2; // TASK_QUEUE_KIND_STICKY
        private readonly int _kind = lens.SlotOf("task_queue.kind");
        private readonly int _normal = lens.SlotOf("task_queue.normal_name");
        private readonly WorkerQueues _queues = new(lens);

        // Word for a worker comes as a Nexus task; nothing else is ever handed out there.
        private readonly bool _hasMailbox = row.Name is "PollNexusTaskQueue";

        protected override string? StickyQueue(in MessageLens lens) => lens.Enum(0, _kind) == Sticky ? lens.Name(0, _names.TaskQueue) ?? "" : null;

        protected override string? ControlQueue(in MessageLens lens, string? ns) =>
            (_hasMailbox ? Mailbox(lens.Name(0, _names.TaskQueue), ns) : null) ?? base.ControlQueue(in lens, ns);

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
    }

    private sealed class WorkerReportDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly WorkerQueues _queues = new(lens);
        private readonly int _sticky = lens.SlotOf("sticky_task_queue");

        // To end the polls of it is to end the worker's hearing.
        protected override string? ControlQueue(in MessageLens lens, string? ns) => Mailbox(lens.Name(0, _names.TaskQueue), ns) ?? base.ControlQueue(in lens, ns);

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            if (TemporalReserved.IsOwnMailbox(first.TaskQueue, first.Namespace))
            {
                first = WithoutMailbox(in first);
            }

            if (lens.Name(0, _sticky) is { } sticky && !IsGenerated(sticky))
            {
                // What is called sticky here is unloaded by its name: another's normal queue too.
                more.Add(first with { TaskQueue = sticky });
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
}
