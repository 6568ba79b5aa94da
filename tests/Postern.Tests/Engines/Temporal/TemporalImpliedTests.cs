using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Postern.Engines.Temporal;
using Postern.Model;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Schedule.V1;
using Temporalio.Api.WorkflowService.V1;
using FieldType = Google.Protobuf.Reflection.FieldDescriptorProto.Types.Type;
using FieldLabel = Google.Protobuf.Reflection.FieldDescriptorProto.Types.Label;

// Fields that the API calls deprecated are what an attacker would still send.
#pragma warning disable CS0612

namespace Postern.Tests.Engines.Temporal;

public sealed class TemporalImpliedTests
{
    [Theory]
    [InlineData("payments", true)]
    [InlineData("", true)]
    [InlineData("payroll", false)]
    public void Read_ChildThatMayEndTheRunningOne_DemandsTerminateInWhateverNamespace(string ns, bool own)
    {
        var request = new RespondWorkflowTaskCompletedRequest { Namespace = "payments" };
        request.Commands.Add(Child(ns, (WorkflowIdReusePolicy)4)); // TERMINATE_IF_RUNNING, which the SDK calls obsolete
        request.Commands.Add(Child(ns, WorkflowIdReusePolicy.AllowDuplicate));
        var operation = TemporalRequests.Read("RespondWorkflowTaskCompleted", request);
        Assert.Equal([Permission.WorkerComplete, Permission.WorkflowStart, Permission.WorkflowTerminate, Permission.WorkflowStart], TemporalRequests.Permissions(operation));
        Assert.Equal((own, false, own), (operation[1].UnlessDenied, operation[2].UnlessDenied, operation[3].UnlessDenied));
        Assert.Equal((own ? "payments" : "payroll", "c", Dimensions.WorkflowType | Dimensions.TaskQueue), (operation[2].Namespace, operation[2].WorkflowId, operation[2].Unknown));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_ScheduleThatMayEndItsOtherRun_DemandsThat(bool terminates)
    {
        var (policy, permission) = terminates
            ? (ScheduleOverlapPolicy.TerminateOther, Permission.WorkflowTerminate)
            : (ScheduleOverlapPolicy.CancelOther, Permission.WorkflowCancel);
        var byPolicies = new CreateScheduleRequest { Namespace = "payments", Schedule = Schedule() };
        byPolicies.Schedule.Policies = new SchedulePolicies { OverlapPolicy = policy };
        var byTrigger = new CreateScheduleRequest
        {
            Namespace = "payments", Schedule = Schedule(), InitialPatch = new SchedulePatch { TriggerImmediately = new TriggerImmediatelyRequest { OverlapPolicy = policy } },
        };
        var byBackfill = new CreateScheduleRequest { Namespace = "payments", Schedule = Schedule(), InitialPatch = new SchedulePatch() };
        byBackfill.InitialPatch.BackfillRequest.Add(new BackfillRequest());
        byBackfill.InitialPatch.BackfillRequest.Add(new BackfillRequest { OverlapPolicy = policy });
        foreach (var request in new[] { byPolicies, byTrigger, byBackfill })
        {
            var operation = TemporalRequests.Read("CreateSchedule", request);
            Assert.Equal([Permission.ScheduleWrite, Permission.WorkflowStart, permission], TemporalRequests.Permissions(operation));
            Assert.Equal(("Report", "q"), (operation[2].WorkflowType, operation[2].TaskQueue));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_PatchThatMayEndAnotherRun_DemandsThatOnWhatOnlyTheEngineKnows(bool terminates)
    {
        var (policy, permission) = terminates
            ? (ScheduleOverlapPolicy.TerminateOther, Permission.WorkflowTerminate)
            : (ScheduleOverlapPolicy.CancelOther, Permission.WorkflowCancel);
        var trigger = new PatchScheduleRequest { Namespace = "payments", ScheduleId = "s", Patch = new SchedulePatch { TriggerImmediately = new TriggerImmediatelyRequest { OverlapPolicy = policy } } };
        var backfill = new PatchScheduleRequest { Namespace = "payments", ScheduleId = "s", Patch = new SchedulePatch() };
        backfill.Patch.BackfillRequest.Add(new BackfillRequest { OverlapPolicy = policy });
        foreach (var request in new[] { trigger, backfill })
        {
            var operation = TemporalRequests.Read("PatchSchedule", request);
            Assert.Equal([Permission.ScheduleWrite, Permission.WorkflowStart, permission], TemporalRequests.Permissions(operation));
            Assert.Equal(Dimensions.WorkflowType | Dimensions.WorkflowId | Dimensions.TaskQueue, operation[2].Unknown);
        }
    }

    // An element that says nothing of what is read is still a backfill.
    [Fact]
    public void Read_PatchWithABackfillWithoutAPolicy_StillDemandsTheStart()
    {
        var request = new PatchScheduleRequest { Namespace = "payments", ScheduleId = "s", Patch = new SchedulePatch() };
        request.Patch.BackfillRequest.Add(new BackfillRequest { StartTime = new Timestamp { Seconds = 1 } });
        request.Patch.BackfillRequest.Add(new BackfillRequest());
        Assert.Equal([Permission.ScheduleWrite, Permission.WorkflowStart], TemporalRequests.Permissions(TemporalRequests.Read("PatchSchedule", request)));
    }

    // Only the token in it says which operation it ends; the SDK's messages may be older than the other requests' field.
    [Fact]
    public void Read_CallbackThatEndsANexusOperation_DemandsTheCall()
    {
        var start = StartWith("temporal://system", "temporal://system");
        AssertCallback(TemporalRequests.Read("StartWorkflowExecution", start), [Permission.WorkflowStart, Permission.NexusCall]);
        var multi = new ExecuteMultiOperationRequest { Namespace = "payments" };
        multi.Operations.Add(new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = start });
        AssertCallback(TemporalRequests.Read("ExecuteMultiOperation", multi), [Permission.WorkflowStart, Permission.NexusCall]);
    }

    [Theory]
    [InlineData("http://10.0.0.1/")]
    [InlineData("temporal://internal")]
    [InlineData("temporal://system/")]
    [InlineData("TEMPORAL://SYSTEM")]
    [InlineData("")]
    public void Read_CallbackToAnyOtherAddress_DemandsTheCluster(string url)
    {
        var operation = TemporalRequests.Read("StartWorkflowExecution", StartWith(url));
        Assert.Equal([Permission.WorkflowStart, Permission.ClusterAdmin], TemporalRequests.Permissions(operation));
        Assert.True(operation[1].ClusterScope);
        Assert.Contains(Permission.ClusterAdmin, TemporalRequests.Permissions(TemporalRequests.Read("StartWorkflowExecution", StartWith("temporal://system", url))));
    }

    [Theory]
    [InlineData("https://hooks.example.com/temporal/done", true)]
    [InlineData("https://hooks.example.com/temporal/", true)]
    [InlineData("https://hooks.example.com/temporal", false)]
    [InlineData("https://hooks.example.com/temporal/../admin", false)]
    [InlineData("https://hooks.example.com/temporal/%2E%2e/admin", false)]
    [InlineData("https://hooks.example.com:444/temporal/done", false)]
    [InlineData("https://hooks.example.com@evil.example/temporal/", false)]
    [InlineData("http://hooks.example.com/temporal/done", false)]
    [InlineData("temporal://internal", false)]
    public void Read_CallbackToAConfiguredAddress_DemandsTheCallAlone(string url, bool allowed)
    {
        var method = TemporalRequests.Methods.Single(m => m.Name is "StartWorkflowExecution");
        var operation = TemporalReader.Read(method, StartWith(url).ToByteArray(), new CallbackAddresses(["https://hooks.example.com/temporal/*"]), null, out _, out var refusal);
        Assert.Null(refusal);
        Assert.Equal([Permission.WorkflowStart, allowed ? Permission.NexusCall : Permission.ClusterAdmin], TemporalRequests.Permissions(operation!));
    }

    [Theory]
    [InlineData("https://hooks.example.com/*", true)]
    [InlineData("http://10.0.0.1:8080/a/*/b", true)]
    [InlineData("https://hooks.example.com", false)]
    [InlineData("https://*.example.com/", false)]
    [InlineData("https://hooks.example.com:*/", false)]
    [InlineData("https://a@hooks.example.com/", false)]
    [InlineData("https:///x", false)]
    [InlineData("*", false)]
    [InlineData("temporal://system", false)]
    public void IsPattern_AddressOfOneHost_IsOne(string pattern, bool isOne) => Assert.Equal(isOne, CallbackAddresses.IsPattern(pattern));

    // By it the server would call a path of the client's choice on its own API.
    [Theory]
    [InlineData("source", true)]
    [InlineData("Source", true)]
    [InlineData(" SOURCE ", true)]
    [InlineData("sources", false)]
    [InlineData("Nexus-Operation-Token", false)]
    public void Read_CallbackWithASourceHeader_IsRefusedWhereverItStands(string header, bool refused)
    {
        var callback = new Callback { Nexus = new Callback.Types.Nexus { Url = "temporal://system", Header = { ["first"] = "1", [header] = "c" } } };
        var start = StartWith("temporal://system");
        start.CompletionCallbacks.Add(callback);
        var multi = new ExecuteMultiOperationRequest { Namespace = "payments" };
        multi.Operations.Add(new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = start });
        foreach (var (name, message) in new (string, IMessage)[]
                 {
                     ("StartWorkflowExecution", start), ("ExecuteMultiOperation", multi),
                     ("StartActivityExecution", new StartActivityExecutionRequest { Namespace = "payments", CompletionCallbacks = { callback } }),
                 })
        {
            var operation = TemporalReader.Read(TemporalRequests.Methods.Single(m => m.Name == name), message.ToByteArray(), out var refusal);
            Assert.Equal((refused, refused ? RefusalReason.Unreadable : null), (operation is null, refusal?.Reason));
        }
    }

    [Fact]
    public void Read_CallbackOfTheServersOwnKind_DemandsTheCluster()
    {
        var start = new StartWorkflowExecutionRequest { Namespace = "payments", WorkflowId = "a" };
        start.CompletionCallbacks.Add(new Callback { Internal = new Callback.Types.Internal() });
        start.CompletionCallbacks.Add(new Callback());
        var operation = TemporalRequests.Read("StartWorkflowExecution", start);
        Assert.Equal([Permission.WorkflowStart, Permission.ClusterAdmin], TemporalRequests.Permissions(operation));
    }

    // Wherever a callback can stand, it is judged.
    [Fact]
    public void Names_OfEveryMethodThatCarriesCallbacks_ReadThem()
    {
        var methods = TemporalRequests.Methods.Where(m => m.Fields.Any(f => f.Role == TemporalRole.Callback)).ToArray();
        Assert.Equal(
            ["ExecuteMultiOperation", "StartActivityExecution", "StartWorkflowExecution", "UpdateWorkflowExecution"],
            methods.Select(m => m.Name).Order(StringComparer.Ordinal));
        Assert.All(methods, m => Assert.Equal(m.Fields.Count(f => f.Role == TemporalRole.Callback), m.Names.Callbacks.Count(c => c.Nexus >= 0 && c.Url >= 0)));
        Assert.All(methods, m => Assert.Contains(Permission.NexusCall, m.Row.Implied));
    }

    [Fact]
    public void Read_ComputeProviderBehindANexusEndpoint_DemandsTheCall()
    {
        // compute_config_scaling_groups { key: "a" value { scaling_group { provider { nexus_endpoint: "e" } } } }
        byte[] bytes = [.. new UpdateWorkerDeploymentVersionComputeConfigRequest { Namespace = "payments" }.ToByteArray(), .. Field(6, [.. Field(1, "a"u8), .. Field(2, Field(1, Field(3, Field(10, "e"u8))))])];
        var operation = TemporalRequests.Read("UpdateWorkerDeploymentVersionComputeConfig", bytes);
        Assert.Equal([Permission.WorkerDeploymentWrite, Permission.NexusCall], TemporalRequests.Permissions(operation));
        Assert.Equal(("payments", "e"), (operation[1].Namespace, operation[1].NexusEndpoint));
        Assert.Null(operation[0].NexusEndpoint);
    }

    [Theory]
    [InlineData("namespace", true)]
    [InlineData("task_queue", true)]
    [InlineData("workflow_id", true)]
    [InlineData("endpoint", true)]
    [InlineData("note", false)]
    public void Find_TypeWithinItself_IsRefusedWhereItHidesAName(string name, bool refused)
    {
        var message = new DescriptorProto { Name = "Tree" };
        message.Field.Add(new FieldDescriptorProto { Name = name, Number = 1, Type = FieldType.String, Label = FieldLabel.Optional });
        message.Field.Add(new FieldDescriptorProto { Name = "branches", Number = 2, Type = FieldType.Message, TypeName = ".x.Tree", Label = FieldLabel.Repeated });
        var file = new FileDescriptorProto { Name = "x.proto", Package = "x", Syntax = "proto3" };
        file.MessageType.Add(message);
        var tree = FileDescriptor.BuildFromByteStrings([file.ToByteString()])[0].MessageTypes[0];
        if (refused)
        {
            Assert.Contains("branches[] holds x.Tree within itself", Assert.Throws<InvalidDataException>(() => TemporalRoles.Find(tree)).Message, StringComparison.Ordinal);
        }
        else
        {
            Assert.Empty(TemporalRoles.Find(tree));
        }
    }

    private static void AssertCallback(Operation operation, Permission[] expected)
    {
        Assert.Equal(expected, TemporalRequests.Permissions(operation));
        Assert.Equal(("payments", Dimensions.NexusEndpoint | Dimensions.NexusService | Dimensions.NexusOperation), (operation[1].Namespace, operation[1].Unknown));
    }

    private static StartWorkflowExecutionRequest StartWith(params string[] urls)
    {
        var start = new StartWorkflowExecutionRequest { Namespace = "payments", WorkflowId = "a" };
        start.CompletionCallbacks.AddRange(urls.Select(url => new Callback { Nexus = new Callback.Types.Nexus { Url = url } }));
        return start;
    }

    private static Command Child(string ns, WorkflowIdReusePolicy policy) => new()
    {
        StartChildWorkflowExecutionCommandAttributes = new() { Namespace = ns, WorkflowId = "c", WorkflowType = new() { Name = "Pay" }, TaskQueue = new() { Name = "pq" }, WorkflowIdReusePolicy = policy },
    };

    private static Schedule Schedule() => new()
    {
        Action = new ScheduleAction { StartWorkflow = new() { WorkflowId = "r", WorkflowType = new() { Name = "Report" }, TaskQueue = new() { Name = "q" } } },
    };

    private static byte[] Field(int number, ReadOnlySpan<byte> content) => [(byte)((number << 3) | 2), (byte)content.Length, .. content];
}
