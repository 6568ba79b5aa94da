using System.Buffers;
using System.Text;
using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.Tests.Engines.Temporal.Lens;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Tests.Engines.Temporal;

public sealed class IdentityStampTests
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
        Assert.Equal(s_stamped, ParserCheck.Catalogue.Methods.Where(m => m.Stamp is not null).Select(m => m.Name).Order(StringComparer.Ordinal));

    // An identity inside a oneof or a list can't just be appended: whoever adds one to the API has to say here how it is stamped.
    [Fact]
    public void WithoutRule_EveryMethod_IsEmpty() =>
        Assert.Empty(ParserCheck.Catalogue.Methods.SelectMany(m => IdentityStamp.WithoutRule(m.Row, m.Fields).Select(f => $"{m.Name}: {f.Path}")));

    [Fact]
    public void TryStamp_Start_PutsTheCallerFirstAndKeepsTheClientsText()
    {
        var stamped = StartWorkflowExecutionRequest.Parser.ParseFrom(Stamp("StartWorkflowExecution", new StartWorkflowExecutionRequest { Namespace = "a", Identity = "1234@host" }));
        Assert.Equal(("alice@example.com (1234@host)", "a"), (stamped.Identity, stamped.Namespace));
    }

    [Fact]
    public void TryStamp_Update_MergesIntoItsMeta()
    {
        var update = new UpdateWorkflowExecutionRequest { Request = new() { Meta = new() { UpdateId = "u", Identity = "x" }, Input = new() { Name = "n" } } };
        var stamped = UpdateWorkflowExecutionRequest.Parser.ParseFrom(Stamp("UpdateWorkflowExecution", update));
        Assert.Equal(("alice@example.com (x)", "u", "n"), (stamped.Request.Meta.Identity, stamped.Request.Meta.UpdateId, stamped.Request.Input.Name));
    }

    [Fact]
    public void TryStamp_MultiOperation_RewritesEachElementAndAddsNone()
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
    public void TryStamp_Batch_KeepsTheMemberThatIsSet()
    {
        var batch = new StartBatchOperationRequest { SignalOperation = new() { Signal = "go", Identity = "x" } };
        var stamped = StartBatchOperationRequest.Parser.ParseFrom(Stamp("StartBatchOperation", batch));
        Assert.Equal(StartBatchOperationRequest.OperationOneofCase.SignalOperation, stamped.OperationCase);
        Assert.Equal(("go", "alice@example.com (x)"), (stamped.SignalOperation.Signal, stamped.SignalOperation.Identity));

        // The last member counts, whatever was there before.
        byte[] both = [.. batch.ToByteArray(), .. new StartBatchOperationRequest { CancellationOperation = new() }.ToByteArray()];
        var output = new ArrayBufferWriter<byte>();
        Assert.True(ParserCheck.Method("StartBatchOperation").Stamp!.TryStamp(both, "alice@example.com", output));
        stamped = StartBatchOperationRequest.Parser.ParseFrom(output.WrittenSpan);
        Assert.Equal(StartBatchOperationRequest.OperationOneofCase.CancellationOperation, stamped.OperationCase);
        Assert.Equal("alice@example.com", stamped.CancellationOperation.Identity);
    }

    [Fact]
    public void TryStamp_BatchWithoutAMemberOrWithOneThatHasNoIdentity_WritesNothing()
    {
        foreach (var batch in (StartBatchOperationRequest[])[new(), new() { DeleteActivitiesOperation = new() }])
        {
            var output = new ArrayBufferWriter<byte>();
            Assert.False(ParserCheck.Method("StartBatchOperation").Stamp!.TryStamp(batch.ToByteArray(), "alice", output));
            Assert.Equal(0, output.WrittenCount);
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

    private static byte[] Stamp(string method, IMessage message)
    {
        var output = new ArrayBufferWriter<byte>();
        Assert.True(ParserCheck.Method(method).Stamp!.TryStamp(message.ToByteArray(), "alice@example.com", output));
        return output.WrittenSpan.ToArray();
    }
}
