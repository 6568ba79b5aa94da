using Postern.Configuration;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

internal partial class TemporalDemands
{
    // An activity that is moved to another queue has its work done there: as if it were started there.
    private static Demand Moved(in Demand managed, string queue) =>
        managed with { Permission = Permission.ActivityStart, TaskQueue = queue, Unknown = managed.Unknown & ~Dimensions.TaskQueue };

    private sealed class ResetDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly PostResetSlots _postReset = new(lens, "post_reset_operations");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more) => _postReset.Add(in lens, in first, ref more);
    }

    /// <summary>What follows a reset: signals and changed options, on the workflow that was reset.</summary>
    private readonly struct PostResetSlots(LensNode lens, string path)
    {
        private readonly int _list = lens.SlotOf(path);
        private readonly int _signal = lens.At(path)!.Node!.SlotOf("signal_workflow");
        private readonly int _signalName = lens.At(path)!.Node!.SlotOf("signal_workflow.signal_name");
        private readonly int _options = lens.At(path)!.Node!.SlotOf("update_workflow_options");

        public void Add(in MessageLens lens, in Demand reset, ref DemandList more)
        {
            for (var element = lens.FirstOf(0, _list); element != 0; element = lens.NextOf(element))
            {
                if (lens.Has(element, _signal))
                {
                    more.Add(reset with { Permission = Permission.WorkflowSignal, Signal = lens.Name(element, _signalName) });
                }
                else if (lens.Has(element, _options))
                {
                    more.Add(reset with { Permission = Permission.WorkflowOptions });
                }
            }
        }
    }

    private sealed class ActivityOptionsDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly int _queue = lens.SlotOf("activity_options.task_queue.name");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            if (lens.Name(0, _queue) is { } queue)
            {
                more.Add(Moved(in first, queue));
            }
        }
    }

    private sealed class TaskQueueListDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly int _list = lens.SlotOf("task_queues");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            var element = lens.FirstOf(0, _list);
            if (element == 0)
            {
                first = first with { Unknown = first.Unknown | Dimensions.TaskQueue }; // every queue that has the build ids
                return;
            }

            first = first with { TaskQueue = lens.Name(element, 0) };
            while ((element = lens.NextOf(element)) != 0)
            {
                more.Add(first with { TaskQueue = lens.Name(element, 0) });
            }
        }
    }

    private sealed class NexusEndpointDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly int _namespace = lens.SlotOf("spec.target.worker.namespace");
        private readonly int _queue = lens.SlotOf("spec.target.worker.task_queue");

        // The endpoint leads into a namespace: a deny there counts, although the right to it is the cluster's.
        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more) =>
            first = first with { Namespace = lens.Name(0, _namespace), TaskQueue = lens.Name(0, _queue) };
    }

    private sealed class RemoteClusterDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly int _address = lens.SlotOf("frontend_address");

        // Anything but host:port ends the server's process.
        protected override Refusal? Check(in MessageLens lens, in Demand first) =>
            Addresses.TryParseUpstream(lens.Text(0, _address) ?? "", out _, out _)
                ? null
                : TemporalReader.Unreadable("frontend_address must be host:port.", "frontend_address isn't host:port");
    }
}
