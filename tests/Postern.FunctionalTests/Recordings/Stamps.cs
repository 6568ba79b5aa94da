using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Common.V1;

namespace Postern.FunctionalTests.Recordings;

/// <summary>
/// Where the gate writes the verified caller: written by hand, so that a stamp which the catalogue invents or forgets is found. What doesn't stand here
/// (polls, responds, heartbeats, reads) must arrive byte for byte.
/// </summary>
internal static class Stamps
{
    private static readonly string[] TopLevel = ["identity"];

    public static readonly IReadOnlyDictionary<string, string[]> Paths = new Dictionary<string, string[]>
    {
        ["StartWorkflowExecution"] = TopLevel,
        ["SignalWorkflowExecution"] = TopLevel,
        ["SignalWithStartWorkflowExecution"] = TopLevel,
        ["RequestCancelWorkflowExecution"] = TopLevel,
        ["TerminateWorkflowExecution"] = TopLevel,
        ["ResetWorkflowExecution"] = TopLevel,
        ["PauseWorkflowExecution"] = TopLevel,
        ["UnpauseWorkflowExecution"] = TopLevel,
        ["UpdateWorkflowExecutionOptions"] = TopLevel,
        ["UpdateWorkflowExecution"] = ["request.meta.identity"],
        ["ExecuteMultiOperation"] = ["operations.start_workflow.identity", "operations.update_workflow.request.meta.identity"],
        ["CreateSchedule"] = TopLevel,
        ["UpdateSchedule"] = TopLevel,
        ["PatchSchedule"] = TopLevel,
        ["DeleteSchedule"] = TopLevel,
        ["StartActivityExecution"] = TopLevel,
        ["RequestCancelActivityExecution"] = TopLevel,
        ["TerminateActivityExecution"] = TopLevel,
        ["PauseActivityExecution"] = TopLevel,
        ["UnpauseActivityExecution"] = TopLevel,
        ["ResetActivityExecution"] = TopLevel,
        ["UpdateActivityExecutionOptions"] = TopLevel,
        ["PauseActivity"] = TopLevel,
        ["UnpauseActivity"] = TopLevel,
        ["ResetActivity"] = TopLevel,
        ["UpdateActivityOptions"] = TopLevel,
        ["StartNexusOperationExecution"] = TopLevel,
        ["RequestCancelNexusOperationExecution"] = TopLevel,
        ["TerminateNexusOperationExecution"] = TopLevel,
        ["StartBatchOperation"] =
        [
            "termination_operation.identity", "signal_operation.identity", "cancellation_operation.identity", "deletion_operation.identity", "reset_operation.identity",
            "update_workflow_options_operation.identity", "unpause_activities_operation.identity", "reset_activities_operation.identity",
            "update_activity_options_operation.identity", "cancel_activities_operation.identity", "terminate_activities_operation.identity",
        ],
        ["StopBatchOperation"] = TopLevel,
        ["CreateWorkflowRule"] = TopLevel,
        ["TriggerWorkflowRule"] = TopLevel,
        ["UpdateTaskQueueConfig"] = TopLevel,
        ["FetchWorkerConfig"] = TopLevel,
        ["UpdateWorkerConfig"] = TopLevel,
        ["SetCurrentDeployment"] = TopLevel,
        ["SetWorkerDeploymentCurrentVersion"] = TopLevel,
        ["SetWorkerDeploymentRampingVersion"] = TopLevel,
        ["SetWorkerDeploymentManager"] = TopLevel,
        ["DeleteWorkerDeployment"] = TopLevel,
        ["DeleteWorkerDeploymentVersion"] = TopLevel,
        ["CreateWorkerDeployment"] = TopLevel,
        ["CreateWorkerDeploymentVersion"] = TopLevel,
        ["UpdateWorkerDeploymentVersionComputeConfig"] = TopLevel,
        ["UpdateWorkerDeploymentVersionMetadata"] = TopLevel,
        ["ValidateWorkerDeploymentVersionComputeConfig"] = TopLevel,
        ["PollWorkflowExecutionUpdate"] = TopLevel,
    };

    /// <summary>Where the gate writes the caller's assertion as it is configured by default.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> Assertions = new Dictionary<string, string[]>
    {
        ["StartWorkflowExecution"] = ["header"],
        ["SignalWithStartWorkflowExecution"] = ["header"],
        ["ExecuteMultiOperation"] = ["operations.start_workflow.header"],
    };

    /// <summary>Puts the sent value back where the caller's stands, and says where it doesn't stand.</summary>
    public static IEnumerable<string> TakeBack(IMessage sent, IMessage got, string path, string caller)
    {
        var dot = path.IndexOf('.');
        if (sent.Descriptor.FindFieldByName(dot < 0 ? path : path[..dot]) is not { } field)
        {
            return [$"{sent.Descriptor.FullName} has no {path}"];
        }

        if (dot < 0)
        {
            return TakeBack(sent, got, field, caller);
        }

        var pairs = field.IsRepeated
            ? ((IList)field.Accessor.GetValue(sent)).Cast<IMessage>().Zip(((IList)field.Accessor.GetValue(got)).Cast<IMessage>())
            : IsSet(field, sent) && IsSet(field, got) ? [((IMessage)field.Accessor.GetValue(sent), (IMessage)field.Accessor.GetValue(got))] : [];
        return pairs.SelectMany(pair => TakeBack(pair.First, pair.Second, path[(dot + 1)..], caller)).ToList();
    }

    private static IEnumerable<string> TakeBack(IMessage sent, IMessage got, FieldDescriptor identity, string caller)
    {
        if (identity.Accessor.GetValue(got) is Header header)
        {
            var asserted = Assertion.Of(header).Subject;
            identity.Accessor.SetValue(got, Assertion.TakenFrom(header) ?? (identity.Accessor.GetValue(sent) is null ? null : new Header()));
            return asserted!.EndsWith("/" + caller, StringComparison.Ordinal) ? [] : [$"{identity.FullName} asserts {asserted}"];
        }

        var stamped = (string)identity.Accessor.GetValue(got);
        var own = (string)identity.Accessor.GetValue(sent);
        identity.Accessor.SetValue(got, own);
        // The caller's name first, the client's own text kept behind it.
        return stamped.StartsWith(caller, StringComparison.Ordinal) && (own.Length > 100 || stamped.Contains(own, StringComparison.Ordinal))
            ? []
            : [$"{identity.FullName} is '{stamped}', sent was '{own}'"];
    }

    private static bool IsSet(FieldDescriptor field, IMessage message) => field.Accessor.GetValue(message) is not null;
}
