using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

internal partial class TemporalDemands
{
    /// <summary>What a worker's answer to a workflow task commands. Each demand says which kind of command makes it, so that the workflow's history can say why it was refused.</summary>
    private sealed class WorkflowTaskDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens, FileDescriptor file) : TemporalDemands(row, names, reserved, lens)
    {
        private const string Activity = "schedule_activity_task_command_attributes";
        private const string Continue = "continue_as_new_workflow_execution_command_attributes";
        private const string Child = "start_child_workflow_execution_command_attributes";
        private const string Signal = "signal_external_workflow_execution_command_attributes";
        private const string Cancel = "request_cancel_external_workflow_execution_command_attributes";
        private const string Nexus = "schedule_nexus_operation_command_attributes";

        private readonly int _commands = lens.SlotOf("commands");
        private readonly int _activity = InCommand(lens, Activity);
        private readonly int _activityId = InCommand(lens, Activity + ".activity_id");
        private readonly int _activityType = InCommand(lens, Activity + ".activity_type.name");
        private readonly int _activityQueue = InCommand(lens, Activity + ".task_queue.name");
        private readonly int _eager = InCommand(lens, Activity + ".request_eager_execution");
        private readonly int _continue = InCommand(lens, Continue);
        private readonly int _continueType = InCommand(lens, Continue + ".workflow_type.name");
        private readonly int _continueQueue = InCommand(lens, Continue + ".task_queue.name");
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
        private readonly int _sticky = lens.SlotOf("sticky_attributes.worker_task_queue.name");
        private readonly NexusHeaders _headers = new(lens.At("commands")!.Node!, Nexus + ".nexus_header");
        private readonly SystemOperation _system = new(lens.At("commands")!.Node!, Nexus + ".", file);

        // What the server itself would do for a workflow is a call like any other: it is judged, or it doesn't pass.
        protected override Refusal? Fault(in MessageLens lens, in Demand first)
        {
            for (var command = lens.FirstOf(0, _commands); command != 0; command = lens.NextOf(command))
            {
                if (IsSystem(in lens, command) && _system.Fault(in lens, command, first.Namespace) is { } fault)
                {
                    return TemporalReader.Unreadable($"A command for the endpoint {SystemOperation.Endpoint} can't be read.", fault) with { Command = (byte)FailedTaskCause.Nexus };
                }
            }

            return null;
        }

        // The server leaves the run's next tasks there, and who polls it is handed them.
        protected override string? StickyQueue(in MessageLens lens) => lens.Name(0, _sticky);

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more)
        {
            if (lens.Name(0, _sticky) is { } sticky && !IsGenerated(sticky))
            {
                // To the server a queue is its name, sticky or not: by calling another's normal queue sticky one would hand its workers any run.
                more.Add(new Demand { Permission = Permission.WorkerPoll, Namespace = first.Namespace, TaskQueue = sticky, Unknown = first.Unknown & Dimensions.Namespace });
            }

            for (var command = lens.FirstOf(0, _commands); command != 0; command = lens.NextOf(command))
            {
                var before = more.Count;
                more.Mark(before, AddCommand(in lens, command, in first, ref more));
            }
        }

        private FailedTaskCause AddCommand(in MessageLens lens, int command, in Demand first, ref DemandList more)
        {
            if (lens.Has(command, _activity))
            {
                AddActivity(in lens, command, in first, ref more);
                return FailedTaskCause.Activity;
            }

            if (lens.Has(command, _child))
            {
                var child = Commanded(_start.Read(in lens, command, null), in first);
                more.Add(in child);
                // To end what runs already is no part of a worker's progress, in whatever namespace.
                _start.AddImplied(in lens, command, in child, ref more);
                return FailedTaskCause.Child;
            }

            if (lens.Has(command, _signal))
            {
                more.Add(Commanded(OnRun(Permission.WorkflowSignal, in lens, command, _signalNamespace, _signalId) with { Signal = lens.Name(command, _signalName) }, in first));
                return FailedTaskCause.Signal;
            }

            if (lens.Has(command, _cancel))
            {
                more.Add(Commanded(OnRun(Permission.WorkflowCancel, in lens, command, _cancelNamespace, _cancelId), in first));
                return FailedTaskCause.Cancel;
            }

            if (lens.Has(command, _continue))
            {
                AddContinued(in lens, command, in first, ref more);
                return FailedTaskCause.ContinueAsNew;
            }

            if (lens.Has(command, _nexus))
            {
                AddNexus(in lens, command, in first, ref more);
                return FailedTaskCause.Nexus;
            }

            return FailedTaskCause.None;
        }

        private void AddActivity(in MessageLens lens, int command, in Demand first, ref DemandList more)
        {
            var queue = lens.Name(command, _activityQueue) ?? first.TaskQueue;
            more.Add(Commanded(
                new Demand
                {
                    Permission = Permission.ActivityStart,
                    TaskQueue = queue,
                    ActivityType = lens.Name(command, _activityType),
                    ActivityId = lens.Text(command, _activityId),
                    Unknown = queue is null ? Dimensions.TaskQueue : Dimensions.None,
                },
                in first));
            if (lens.Number(command, _eager) != 0 && !string.Equals(queue, first.TaskQueue, StringComparison.Ordinal))
            {
                // The task comes with the answer: whoever takes it so must be one who may poll for it.
                more.Add(new Demand { Permission = Permission.WorkerPoll, Namespace = first.Namespace, TaskQueue = queue, Unknown = first.Unknown & Dimensions.Namespace });
            }
        }

        // What a message leaves out of it stays as the run has it.
        private void AddContinued(in MessageLens lens, int command, in Demand first, ref DemandList more)
        {
            var type = lens.Name(command, _continueType);
            var queue = lens.Name(command, _continueQueue) ?? first.TaskQueue;
            var id = TaskTokens.WorkflowIdOf(lens.Bytes(0, _names.TaskToken));
            more.Add(Commanded(
                new Demand
                {
                    Permission = Permission.WorkflowStart,
                    TaskQueue = queue,
                    WorkflowType = type,
                    WorkflowId = id,
                    Unknown = (type is null ? Dimensions.WorkflowType : Dimensions.None)
                        | (queue is null ? Dimensions.TaskQueue : Dimensions.None)
                        | (id is null ? Dimensions.WorkflowId : Dimensions.None),
                },
                in first));
        }

        private void AddNexus(in MessageLens lens, int command, in Demand first, ref DemandList more)
        {
            if (IsSystem(in lens, command))
            {
                if (_system.Fault(in lens, command, first.Namespace) is null)
                {
                    _system.Add(in lens, command, in first, ref more);
                }

                return;
            }

            more.Add(new Demand
            {
                Permission = Permission.NexusCall,
                Namespace = first.Namespace,
                NexusEndpoint = lens.Name(command, _endpoint),
                NexusService = lens.Name(command, _service),
                NexusOperation = lens.Name(command, _operation),
                Unknown = first.Unknown & Dimensions.Namespace,
            });
            _headers.Add(in lens, command, in first, ref more);
        }

        private bool IsSystem(in MessageLens lens, int command) => lens.Has(command, _nexus) && lens.Bytes(command, _endpoint).SequenceEqual("__temporal_system"u8);

        private static Demand OnRun(Permission permission, in MessageLens lens, int command, int ns, int id) => new()
        {
            Permission = permission,
            Namespace = lens.Name(command, ns),
            WorkflowId = lens.Text(command, id),
            Unknown = Dimensions.WorkflowType | Dimensions.TaskQueue,
        };
    }

    private static int InCommand(LensNode lens, string path) => lens.At("commands")!.Node!.SlotOf(path);

    // Without a namespace a command acts in the worker's own; where the answer doesn't name that either, any name may be another's.
    private static Demand Commanded(in Demand command, in Demand first) =>
        command.Namespace is null
            ? command with { Namespace = first.Namespace, Unknown = command.Unknown | (first.Unknown & Dimensions.Namespace), UnlessDenied = true }
            : command with { UnlessDenied = string.Equals(command.Namespace, first.Namespace, StringComparison.Ordinal) };

    /// <summary>The endpoint that leads into the server itself: it does for the workflow what a client's call would do, in the workflow's own namespace. Today that is signal-with-start.</summary>
    private sealed class SystemOperation
    {
        public const string Endpoint = "__temporal_system";

        private readonly LensNode _request;
        private readonly StartSlots _start;
        private readonly int _namespace;
        private readonly int _signalName;
        private readonly int _service;
        private readonly int _operation;
        private readonly int _data;
        private readonly int _metadata;
        private readonly int _key;
        private readonly int _value;

        public SystemOperation(LensNode command, string prefix, FileDescriptor file)
        {
            _request = LensCompiler.Compile(file.FindTypeByName<MessageDescriptor>("SignalWithStartWorkflowExecutionRequest"), TemporalReadings.SignalWithStart);
            _start = new StartSlots(_request, "");
            _namespace = _request.SlotOf("namespace");
            _signalName = _request.SlotOf("signal_name");
            _service = command.SlotOf(prefix + "service");
            _operation = command.SlotOf(prefix + "operation");
            _data = command.SlotOf(prefix + "input.data");
            _metadata = command.SlotOf(prefix + "input.metadata");
            var entry = command.At(prefix + "input.metadata")!.Node!;
            _key = entry.SlotOf("key");
            _value = entry.SlotOf("value");
        }

        /// <summary>Why the command can't be judged; null where it can.</summary>
        public string? Fault(in MessageLens lens, int command, string? own)
        {
            if (!lens.Bytes(command, _service).SequenceEqual("temporal.api.workflowservice.v1.WorkflowService"u8)
                || !lens.Bytes(command, _operation).SequenceEqual("SignalWithStartWorkflowExecution"u8))
            {
                return "an operation of the system that isn't known";
            }

            if (!IsProtobuf(in lens, command))
            {
                return "its payload isn't plain protobuf";
            }

            using var request = MessageLens.Read(_request, lens.Bytes(command, _data));
            return request.Fault is not null ? "its payload is no valid message"
                : request.Name(0, _namespace) is { } ns && own is not null && !string.Equals(ns, own, StringComparison.Ordinal) ? "its payload names another namespace"
                : null;
        }

        public void Add(in MessageLens lens, int command, in Demand first, ref DemandList more)
        {
            using var request = MessageLens.Read(_request, lens.Bytes(command, _data));
            var start = Commanded(_start.Read(in request, 0, null) with { Namespace = null }, in first);
            more.Add(in start);
            // The signal may reach a workflow that runs already under that id, whatever its type and queue.
            more.Add(start with
            {
                Permission = Permission.WorkflowSignal,
                TaskQueue = null,
                WorkflowType = null,
                Signal = request.Name(0, _signalName),
                Unknown = start.Unknown | Dimensions.WorkflowType | Dimensions.TaskQueue,
            });
            _start.AddImplied(in request, 0, in start, ref more);
        }

        private bool IsProtobuf(in MessageLens lens, int command)
        {
            var isProtobuf = false;
            for (var entry = lens.FirstOf(command, _metadata); entry != 0; entry = lens.NextOf(entry))
            {
                // Of a map's key the last entry counts.
                isProtobuf = lens.Bytes(entry, _key).SequenceEqual("encoding"u8) ? lens.Bytes(entry, _value).SequenceEqual("binary/protobuf"u8) : isProtobuf;
            }

            return isProtobuf;
        }
    }
}
