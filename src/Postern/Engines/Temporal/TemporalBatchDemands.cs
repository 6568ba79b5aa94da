using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

internal partial class TemporalDemands
{
    private sealed class BatchDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        // Of what is more than this, each look-up would be one call to the server: it is left undecided.
        private const int MostExecutions = 100;
        private const int MostDemands = 1000;
        private const Dimensions OfWorkflow = Dimensions.WorkflowType | Dimensions.WorkflowId | Dimensions.TaskQueue;
        private readonly (int Slot, Permission Permission)[] _members = [.. TemporalBatches.Members.Select(m => (lens.SlotOf(m.Field), m.Permission))];
        private readonly int _signal = lens.SlotOf("signal_operation.signal");
        private readonly int _queue = lens.SlotOf("update_activity_options_operation.activity_options.task_queue.name");
        private readonly ExecutionSlots _workflows = new(lens, "executions", "workflow_id");
        private readonly ExecutionSlots _targets = new(lens, "target_executions", "business_id");
        private readonly int[] _ofActivities = [.. TemporalBatches.OfActivities.Select(lens.SlotOf)];
        private readonly PostResetSlots _postReset = new(lens, "reset_operation.post_reset_operations");

        // A batch without a query is the server's to refuse, and so is one that lists its executions besides; activities that stand alone are of no workflow type.
        protected override string? Query(in MessageLens lens, string query) =>
            query.AsSpan().Trim().Length > 0 && !_workflows.IsUsed(in lens) && !_targets.IsUsed(in lens) && !IsOfActivities(in lens) ? query : null;

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            AddOperation(in lens, ref first, ref more);
            if (Executions(in lens) is { } executions && executions.Count * (1 + more.Count) <= MostDemands)
            {
                Spread(executions, ref first, ref more);
            }
        }

        private bool IsOfActivities(in MessageLens lens)
        {
            foreach (var slot in _ofActivities)
            {
                if (lens.Has(0, slot))
                {
                    return true;
                }
            }

            return false;
        }

        // The workflows on which the batch acts and on no others; null where they aren't named, or can't all be read as workflows.
        private List<(string Workflow, string Run)>? Executions(in MessageLens lens) =>
            lens.Bytes(0, _query).IsEmpty && !IsOfActivities(in lens) && _workflows.IsUsed(in lens) != _targets.IsUsed(in lens)
                ? (_workflows.IsUsed(in lens) ? _workflows : _targets).Read(in lens)
                : null;

        // Each workflow asks for all that the batch does, as if it were named alone.
        private static void Spread(List<(string Workflow, string Run)> executions, ref Demand first, ref DemandList more)
        {
            var (begun, asked, all) = (first, more.ToArray(), new DemandList());
            foreach (var execution in executions)
            {
                var of = On(in begun, execution);
                if (first.RunId is null)
                {
                    first = of;
                }
                else
                {
                    all.Add(in of);
                }

                foreach (ref readonly var demand in asked.AsSpan())
                {
                    all.Add(On(in demand, execution));
                }
            }

            more = all;
        }

        private static Demand On(in Demand demand, (string Workflow, string Run) execution) =>
            demand with { WorkflowId = execution.Workflow, RunId = execution.Run, Unknown = demand.Unknown & ~Dimensions.WorkflowId };

        private void AddOperation(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            foreach (var (slot, permission) in _members)
            {
                if (!lens.Has(0, slot))
                {
                    continue;
                }

                var ofActivity = permission is Permission.ActivityManage or Permission.ActivityCancel or Permission.ActivityTerminate or Permission.ActivityDelete;
                var demand = new Demand
                {
                    Permission = permission,
                    Namespace = first.Namespace,
                    Unknown = ofActivity ? OfWorkflow | Dimensions.ActivityType | Dimensions.ActivityId : OfWorkflow,
                };
                more.Add(permission == Permission.WorkflowSignal ? demand with { Signal = lens.Name(0, _signal) } : demand);
                _postReset.Add(in lens, in demand, ref more);
                if (lens.Name(0, _queue) is { } queue)
                {
                    more.Add(Moved(in demand, queue));
                }
            }
        }

        /// <summary>A list of executions in one of the two shapes that the API has for it.</summary>
        private sealed class ExecutionSlots(LensNode lens, string path, string id)
        {
            private const int Workflow = 1; // EXECUTION_TYPE_WORKFLOW
            private readonly int _list = lens.SlotOf(path);
            private readonly int _type = lens.At(path)?.Node!.SlotOf("type") ?? -1;
            private readonly int _id = lens.At(path)?.Node!.SlotOf(id) ?? -1;
            private readonly int _run = lens.At(path)?.Node!.SlotOf("run_id") ?? -1;

            public bool IsUsed(in MessageLens lens) => lens.Has(0, _list);

            /// <summary>The workflows that it names; null where there are none or too many, or one has no id or isn't a workflow.</summary>
            public List<(string Workflow, string Run)>? Read(in MessageLens lens)
            {
                var found = new List<(string Workflow, string Run)>();
                for (var element = lens.FirstOf(0, _list); element != 0; element = lens.NextOf(element))
                {
                    if (found.Count == MostExecutions || lens.Text(element, _id) is not { Length: > 0 } workflow || (_type >= 0 && lens.Enum(element, _type) != Workflow))
                    {
                        return null;
                    }

                    found.Add((workflow, lens.Text(element, _run) ?? ""));
                }

                return found.Count > 0 ? found : null;
            }
        }
    }
}
