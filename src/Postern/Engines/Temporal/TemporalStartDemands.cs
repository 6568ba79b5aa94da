using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

internal partial class TemporalDemands
{
    // WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING and WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
    private const int TerminateIfRunning = 4;
    private const int TerminateExisting = 3;

    /// <summary>Where a start stands in a message: at its top or in an element of it.</summary>
    private readonly struct StartSlots(LensNode node, string prefix)
    {
        private readonly int _namespace = node.SlotOf(prefix + "namespace");
        private readonly int _id = node.SlotOf(prefix + "workflow_id");
        private readonly int _type = node.SlotOf(prefix + "workflow_type.name");
        private readonly int _queue = node.SlotOf(prefix + "task_queue.name");
        private readonly int _reuse = node.SlotOf(prefix + "workflow_id_reuse_policy");
        private readonly int _conflict = node.SlotOf(prefix + "workflow_id_conflict_policy");
        private readonly int _eager = node.SlotOf(prefix + "request_eager_execution");

        public Demand Read(in MessageLens lens, int frame, string? outer) => new()
        {
            Permission = Permission.WorkflowStart,
            Namespace = lens.Name(frame, _namespace) ?? outer,
            TaskQueue = lens.Name(frame, _queue),
            WorkflowType = lens.Name(frame, _type),
            WorkflowId = lens.Text(frame, _id),
        };

        /// <summary>Adds what the start's policies and options ask for.</summary>
        public void AddImplied(in MessageLens lens, int frame, in Demand start, ref DemandList more)
        {
            if (lens.Enum(frame, _reuse) == TerminateIfRunning || lens.Enum(frame, _conflict) == TerminateExisting)
            {
                // What runs under that id may be of any type and on any queue.
                more.Add(new Demand
                {
                    Permission = Permission.WorkflowTerminate,
                    Namespace = start.Namespace,
                    WorkflowId = start.WorkflowId,
                    Unknown = Dimensions.WorkflowType | Dimensions.TaskQueue | (start.Unknown & Dimensions.Namespace),
                });
            }

            if (lens.Number(frame, _eager) != 0)
            {
                more.Add(new Demand { Permission = Permission.WorkerPoll, Namespace = start.Namespace, TaskQueue = start.TaskQueue });
            }
        }
    }

    private sealed class StartDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly StartSlots _start = new(lens, "");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more) => _start.AddImplied(in lens, 0, in first, ref more);
    }

    private sealed class SignalWithStartDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly StartSlots _start = new(lens, "");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            // The signal may reach a workflow that runs already under that id, whatever its type and queue.
            more.Add(new Demand
            {
                Permission = Permission.WorkflowSignal,
                Namespace = first.Namespace,
                WorkflowId = first.WorkflowId,
                Signal = first.Signal,
                Unknown = Dimensions.WorkflowType | Dimensions.TaskQueue,
            });
            first = first with { Signal = null };
            _start.AddImplied(in lens, 0, in first, ref more);
        }
    }

    private sealed class MultiOperationDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly int _operations = lens.SlotOf("operations");
        private readonly StartSlots _start = new(lens.At("operations")!.Node!, "start_workflow.");
        private readonly int _startMember = lens.At("operations")!.Node!.SlotOf("start_workflow");
        private readonly int _updateMember = lens.At("operations")!.Node!.SlotOf("update_workflow");
        private readonly int _updateNamespace = lens.At("operations")!.Node!.SlotOf("update_workflow.namespace");
        private readonly int _updateId = lens.At("operations")!.Node!.SlotOf("update_workflow.workflow_execution.workflow_id");
        private readonly int _updateName = lens.At("operations")!.Node!.SlotOf("update_workflow.request.input.name");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            var outer = first.Namespace;
            var isFirst = true;
            for (var element = lens.FirstOf(0, _operations); element != 0; element = lens.NextOf(element))
            {
                Demand demand;
                if (lens.Has(element, _startMember))
                {
                    demand = _start.Read(in lens, element, outer);
                    _start.AddImplied(in lens, element, in demand, ref more);
                }
                else if (lens.Has(element, _updateMember))
                {
                    // The update may reach a workflow that runs already under that id, whatever its type and queue.
                    demand = new Demand
                    {
                        Permission = Permission.WorkflowUpdate,
                        Namespace = lens.Name(element, _updateNamespace) ?? outer,
                        WorkflowId = lens.Text(element, _updateId),
                        Update = lens.Name(element, _updateName),
                        Unknown = Dimensions.WorkflowType | Dimensions.TaskQueue,
                    };
                }
                else
                {
                    continue;
                }

                if (isFirst && string.Equals(demand.Namespace, outer, StringComparison.Ordinal))
                {
                    first = demand;
                    isFirst = false;
                }
                else
                {
                    more.Add(in demand);
                }
            }
        }
    }

    /// <summary>What a schedule's run does with the one before it, by the policy that counts for it.</summary>
    private static void AddOverlap(int policy, in Demand start, ref DemandList more)
    {
        // SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER and _TERMINATE_OTHER
        const int cancelOther = 4;
        const int terminateOther = 5;
        if (policy is cancelOther or terminateOther)
        {
            more.Add(start with { Permission = policy == cancelOther ? Permission.WorkflowCancel : Permission.WorkflowTerminate });
        }
    }

    private sealed class ScheduleDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly StartSlots _start = new(lens, "schedule.action.start_workflow.");
        private readonly int _member = lens.SlotOf("schedule.action.start_workflow");
        private readonly int _overlap = lens.SlotOf("schedule.policies.overlap_policy");
        private readonly PatchSlots _patch = new(lens, "initial_patch");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            if (!lens.Has(0, _member))
            {
                return;
            }

            var start = _start.Read(in lens, 0, first.Namespace);
            more.Add(in start);
            _start.AddImplied(in lens, 0, in start, ref more);
            AddOverlap(lens.Enum(0, _overlap), in start, ref more);
            _patch.AddOverlaps(in lens, in start, ref more);
        }
    }

    private sealed class SchedulePatchDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly PatchSlots _patch = new(lens, "patch");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            // Pausing needs no more than the schedule; setting it off starts what it holds, which only the engine knows.
            if (_patch.Starts(in lens))
            {
                var start = new Demand
                {
                    Permission = Permission.WorkflowStart,
                    Namespace = first.Namespace,
                    Unknown = Dimensions.WorkflowType | Dimensions.WorkflowId | Dimensions.TaskQueue,
                };
                more.Add(in start);
                _patch.AddOverlaps(in lens, in start, ref more);
            }
        }
    }

    /// <summary>A schedule set off or caught up by hand, each time with a policy of its own.</summary>
    private readonly struct PatchSlots(LensNode lens, string path)
    {
        private readonly int _trigger = lens.SlotOf(path + ".trigger_immediately");
        private readonly int _triggerOverlap = lens.SlotOf(path + ".trigger_immediately.overlap_policy");
        private readonly int _backfill = lens.SlotOf(path + ".backfill_request");
        private readonly int _backfillOverlap = lens.At(path + ".backfill_request")?.Node?.SlotOf("overlap_policy") ?? -1;

        public bool Starts(in MessageLens lens) => lens.Has(0, _trigger) || lens.Has(0, _backfill);

        public void AddOverlaps(in MessageLens lens, in Demand start, ref DemandList more)
        {
            AddOverlap(lens.Enum(0, _triggerOverlap), in start, ref more);
            for (var element = lens.FirstOf(0, _backfill); element != 0; element = lens.NextOf(element))
            {
                AddOverlap(lens.Enum(element, _backfillOverlap), in start, ref more);
            }
        }
    }
}
