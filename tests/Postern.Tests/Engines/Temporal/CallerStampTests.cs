using System.Text;
using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.Model;
using Postern.Tests.Engines.Temporal.Lens;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Tests.Engines.Temporal;

public sealed class CallerStampTests
{
    private static readonly string[] s_stamped =
    [
        "CreateSchedule", "CreateWorkerDeployment", "CreateWorkerDeploymentVersion", "CreateWorkflowRule", "DeleteSchedule", "DeleteWorkerDeployment", "DeleteWorkerDeploymentVersion",
        "ExecuteMultiOperation", "FetchWorkerConfig", "PatchSchedule", "PauseActivity", "PauseActivityExecution", "PauseWorkflowExecution", "PollWorkflowExecutionUpdate",
        "RequestCancelActivityExecution", "RequestCancelNexusOperationExecution", "RequestCancelWorkflowExecution", "ResetActivity", "ResetActivityExecution", "ResetWorkflowExecution",
        "SetCurrentDeployment", "SetWorkerDeploymentCurrentVersion", "SetWorkerDeploymentManager", "SetWorkerDeploymentRampingVersion", "SignalWithStartWorkflowExecution",
        "SignalWorkflowExecution", "StartActivityExecution", "StartBatchOperation", "StartNexusOperationExecution", "StartWorkflowExecution", "StopBatchOperation",
        "TerminateActivityExecution", "TerminateNexusOperationExecution", "TerminateWorkflowExecution", "TriggerWorkflowRule", "UnpauseActivity", "UnpauseActivityExecution",
        "UnpauseWorkflowExecution", "UpdateActivityExecutionOptions", "UpdateActivityOptions", "UpdateSchedule", "UpdateTaskQueueConfig", "UpdateWorkerConfig",
        "UpdateWorkerDeploymentVersionComputeConfig", "UpdateWorkerDeploymentVersionMetadata", "UpdateWorkflowExecution", "UpdateWorkflowExecutionOptions",
        "ValidateWorkerDeploymentVersionComputeConfig",
    ];

    [Fact]
    public void Stamp_OfEveryMethod_StandsWhereAClientActsAndNowhereElse() =>
        Assert.Equal(s_stamped, ParserCheck.Catalogue.Methods.Where(m => m.Stamp is { HasIdentity: true }).Select(m => m.Name).Order(StringComparer.Ordinal));

    // An identity inside a oneof or a list can't just be appended: whoever adds one to the API has to say here how it is stamped.
    [Fact]
    public void WithoutRule_EveryMethod_IsEmpty() =>
        Assert.Empty(ParserCheck.Catalogue.Methods.SelectMany(m => CallerStamp.WithoutRule(m.Row, m.Fields).Select(f => $"{m.Name}: {f.Path}")));

    [Fact]
    public void IsAsserted_OfEveryMethod_IsWhatIsConfigured()
    {
        Assert.Equal(["ExecuteMultiOperation", "SignalWithStartWorkflowExecution", "StartWorkflowExecution"], Asserted(TemporalAssertion.Starts));
        Assert.Equal(
            [
                "CreateSchedule", "ExecuteMultiOperation", "SignalWithStartWorkflowExecution", "SignalWorkflowExecution", "StartActivityExecution", "StartWorkflowExecution", "UpdateSchedule",
                "UpdateWorkflowExecution",
            ],
            Asserted(TemporalAssertion.Writes));
        Assert.Empty(Asserted(TemporalAssertion.Off));
    }

    // What a worker's commands copy is left; a batch's and a reset's signals have no one workflow to be bound to.
    [Fact]
    public void WithoutAssertion_EveryMethod_IsKnown() => Assert.Equal(
        [
            "QueryWorkflow: query.header",
            "ResetWorkflowExecution: post_reset_operations[].signal_workflow.header",
            "RespondWorkflowTaskCompleted: commands[].continue_as_new_workflow_execution_command_attributes.header",
            "RespondWorkflowTaskCompleted: commands[].record_marker_command_attributes.header",
            "RespondWorkflowTaskCompleted: commands[].schedule_activity_task_command_attributes.header",
            "RespondWorkflowTaskCompleted: commands[].signal_external_workflow_execution_command_attributes.header",
            "RespondWorkflowTaskCompleted: commands[].start_child_workflow_execution_command_attributes.header",
            "StartBatchOperation: reset_operation.post_reset_operations[].signal_workflow.header",
            "StartBatchOperation: signal_operation.header",
        ],
        ParserCheck.Catalogue.Methods.SelectMany(m => CallerStamp.WithoutAssertion(m.Row, m.Fields).Select(f => $"{m.Name}: {f.Path}")).Order(StringComparer.Ordinal));

    [Fact]
    public void Stamp_StartWithAForgedAssertion_IsOverriddenAndItsOtherHeadersStay()
    {
        var request = new StartWorkflowExecutionRequest { Namespace = "a", Header = Forged() };
        var stamped = StartWorkflowExecutionRequest.Parser.ParseFrom(Stamp("StartWorkflowExecution", request, "e.y.z"));
        AssertAsserted(stamped.Header, "e.y.z");
        Assert.Equal("alice@example.com", stamped.Identity);
    }

    [Fact]
    public void Stamp_ScheduleWithAStart_AssertsInItsAction()
    {
        var request = new CreateScheduleRequest { Schedule = new() { Action = new() { StartWorkflow = new() { WorkflowId = "w", Header = Forged() } }, State = new() { Notes = "n" } } };
        var stamped = CreateScheduleRequest.Parser.ParseFrom(Stamp("CreateSchedule", request, "e.y.z"));
        Assert.Equal(("w", "n"), (stamped.Schedule.Action.StartWorkflow.WorkflowId, stamped.Schedule.State.Notes));
        AssertAsserted(stamped.Schedule.Action.StartWorkflow.Header, "e.y.z");
    }

    // A member of a oneof that isn't set would become the one that is.
    [Fact]
    public void Stamp_ScheduleWithoutAStart_GetsNone()
    {
        var stamped = CreateScheduleRequest.Parser.ParseFrom(Stamp("CreateSchedule", new CreateScheduleRequest { Schedule = new() { Action = new() } }, "e.y.z"));
        Assert.Null(stamped.Schedule.Action.StartWorkflow);
        Assert.Equal("alice@example.com", stamped.Identity);
    }

    [Theory]
    [InlineData("Starts", true, false)]
    [InlineData("Writes", true, true)]
    public void Stamp_MultiOperation_AssertsInsideTheElementsThatAreConfigured(string which, bool inStart, bool inUpdate)
    {
        var request = new ExecuteMultiOperationRequest { Namespace = "a" };
        request.Operations.Add(new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = new() { Namespace = "a", Header = Forged() } });
        request.Operations.Add(new ExecuteMultiOperationRequest.Types.Operation { UpdateWorkflow = new() { Request = new() { Input = new() { Name = "n" } } } });
        var stamped = ExecuteMultiOperationRequest.Parser.ParseFrom(Stamp("ExecuteMultiOperation", request, "e.y.z", Enum.Parse<TemporalAssertion>(which)));
        Assert.Equal(2, stamped.Operations.Count);
        Assert.True(inStart);
        AssertAsserted(stamped.Operations[0].StartWorkflow.Header, "e.y.z");
        var update = stamped.Operations[1].UpdateWorkflow.Request;
        Assert.Equal(("n", "alice@example.com"), (update.Input.Name, update.Meta.Identity));
        Assert.Equal(inUpdate, update.Input.Header is not null);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(90)]
    [InlineData(700)]
    [InlineData(20_000)]
    public void Header_OfAnyLength_IsWhatGoogleParses(int length)
    {
        var token = new string('x', length);
        var bytes = new byte[AssertionHeader.Length(length)];
        AssertionHeader.Write(System.Text.Encoding.ASCII.GetBytes(token), bytes);
        var payload = Assert.Single(Temporalio.Api.Common.V1.Header.Parser.ParseFrom(bytes).Fields);
        Assert.Equal(("postern-caller", $"\"{token}\""), (payload.Key, payload.Value.Data.ToStringUtf8()));
        Assert.Equal("json/plain", Assert.Single(payload.Value.Metadata, m => m.Key == "encoding").Value.ToStringUtf8());
    }

    [Fact]
    public void Stamp_Start_PutsTheCallerFirstAndKeepsTheClientsText()
    {
        var stamped = StartWorkflowExecutionRequest.Parser.ParseFrom(Stamp("StartWorkflowExecution", new StartWorkflowExecutionRequest { Namespace = "a", Identity = "1234@host" }));
        Assert.Equal(("alice@example.com (1234@host)", "a"), (stamped.Identity, stamped.Namespace));
    }

    [Fact]
    public void Stamp_Update_MergesIntoItsMeta()
    {
        var update = new UpdateWorkflowExecutionRequest { Request = new() { Meta = new() { UpdateId = "u", Identity = "x" }, Input = new() { Name = "n" } } };
        var stamped = UpdateWorkflowExecutionRequest.Parser.ParseFrom(Stamp("UpdateWorkflowExecution", update));
        Assert.Equal(("alice@example.com (x)", "u", "n"), (stamped.Request.Meta.Identity, stamped.Request.Meta.UpdateId, stamped.Request.Input.Name));
    }

    [Fact]
    public void Stamp_MultiOperation_RewritesEachElementAndAddsNone()
    {
        var request = new ExecuteMultiOperationRequest { Namespace = "a" };
        request.Operations.Add(new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = new() { Namespace = "a", Identity = "x" } });
        request.Operations.Add(new ExecuteMultiOperationRequest.Types.Operation { UpdateWorkflow = new() { Namespace = "a" } });
        var stamped = ExecuteMultiOperationRequest.Parser.ParseFrom(Stamp("ExecuteMultiOperation", request));
        Assert.Equal(2, stamped.Operations.Count);
        Assert.Equal("alice@example.com (x)", stamped.Operations[0].StartWorkflow.Identity);
        Assert.Equal("alice@example.com", stamped.Operations[1].UpdateWorkflow.Request.Meta.Identity);
    }

    [Fact]
    public void Stamp_Batch_KeepsTheMemberThatIsSet()
    {
        var batch = new StartBatchOperationRequest { SignalOperation = new() { Signal = "go", Identity = "x" } };
        var stamped = StartBatchOperationRequest.Parser.ParseFrom(Stamp("StartBatchOperation", batch));
        Assert.Equal(StartBatchOperationRequest.OperationOneofCase.SignalOperation, stamped.OperationCase);
        Assert.Equal(("go", "alice@example.com (x)"), (stamped.SignalOperation.Signal, stamped.SignalOperation.Identity));

        // The last member counts, whatever was there before.
        byte[] both = [.. batch.ToByteArray(), .. new StartBatchOperationRequest { CancellationOperation = new() }.ToByteArray()];
        stamped = StartBatchOperationRequest.Parser.ParseFrom(Stamped.Of(ParserCheck.Method("StartBatchOperation").Stamp!, both, "alice@example.com", null));
        Assert.Equal(StartBatchOperationRequest.OperationOneofCase.CancellationOperation, stamped.OperationCase);
        Assert.Equal("alice@example.com", stamped.CancellationOperation.Identity);
    }

    [Fact]
    public void Stamp_BatchWithoutAMemberOrWithOneThatHasNoIdentity_WritesNothing()
    {
        foreach (var batch in (StartBatchOperationRequest[])[new(), new() { DeleteActivitiesOperation = new() }])
        {
            Assert.Equal(batch.ToByteArray(), Stamp("StartBatchOperation", batch));
        }
    }

    [Theory]
    [InlineData("", "alice")]
    [InlineData("alice", "alice")]
    [InlineData("1@h", "alice (1@h)")]
    [InlineData("a\nb\u0000\u007f\u0085c", "alice (abc)")]
    [InlineData("\u202Eevil\u2028", "alice (evil)")]
    [InlineData("\n", "alice")]
    public void Write_ClientsText_StandsBehindTheCallerWithoutControlCharacters(string own, string expected) => Assert.Equal(expected, Text("alice", own));

    [Fact]
    public void Write_LongText_EndsAtAWholeCharacterWithinTheCap()
    {
        for (var length = 490; length < 530; length++)
        {
            var text = Text("alice", new string('x', length % 7) + string.Concat(Enumerable.Repeat("ü€😀", length)));
            Assert.InRange(Encoding.UTF8.GetByteCount(text), IdentityText.MaxLength - 4, IdentityText.MaxLength);
            Assert.StartsWith("alice (", text, StringComparison.Ordinal);
            Assert.EndsWith(")", text, StringComparison.Ordinal);
            Assert.DoesNotContain('\uFFFD', text);
            Assert.InRange(Encoding.UTF8.GetByteCount(Text(new string('c', length), "own")), length < 512 ? length : 512, 512);
        }
    }

    private static string Text(string caller, string own)
    {
        Span<byte> to = stackalloc byte[IdentityText.MaxLength];
        return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(to[..IdentityText.Write(caller, Encoding.UTF8.GetBytes(own), to)]);
    }

    private static string[] Asserted(TemporalAssertion which) =>
        [.. ParserCheck.Catalogue.Methods.Where(m => m.Stamp?.IsAsserted(which) == true).Select(m => m.Name).Order(StringComparer.Ordinal)];

    private static byte[] Stamp(string method, IMessage message, string? token = null, TemporalAssertion which = TemporalAssertion.Writes) =>
        Stamped.Of(ParserCheck.Method(method).Stamp!, message.ToByteArray(), "alice@example.com", token, which);

    private static Temporalio.Api.Common.V1.Header Forged() => new()
    {
        Fields =
        {
            [CallerAssertion.HeaderKey] = new() { Data = ByteString.CopyFromUtf8("\"forged\""), Metadata = { ["encoding"] = ByteString.CopyFromUtf8("json/plain") } },
            ["client-key"] = new() { Data = ByteString.CopyFromUtf8("1") },
        },
    };

    private static void AssertAsserted(Temporalio.Api.Common.V1.Header header, string token)
    {
        Assert.Equal(["client-key", CallerAssertion.HeaderKey], header.Fields.Keys.Order(StringComparer.Ordinal));
        Assert.Equal($"\"{token}\"", header.Fields[CallerAssertion.HeaderKey].Data.ToStringUtf8());
        Assert.Equal("json/plain", header.Fields[CallerAssertion.HeaderKey].Metadata["encoding"].ToStringUtf8());
    }
}
