using System.Buffers;
using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Engines.Temporal;
using Postern.Model;
using Postern.Pipeline;
using Postern.Tokens;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Tests.Engines.Temporal;

public sealed class CallbackTokenTests : IDisposable
{
    private const string Header = "Temporal-Callback-Token";
    private static readonly TaskFacts s_facts = new(TaskKind.Callback, "payroll", "ledger");
    private readonly string _folder = Directory.CreateTempSubdirectory("postern-callback-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("""{"v":1,"d":"CgFh"}""")]
    [InlineData("""{"v":2,"sealed":"by a server of later"}""")]
    [InlineData("anything at all")]
    public void Unseal_WhatWasSealed_IsByteForByteTheServers(string token)
    {
        var sealing = Sealing();
        var sealedToken = CallbackToken.Seal(Utf8(token), bytes => sealing.Seal(bytes, s_facts))!;

        using var json = System.Text.Json.JsonDocument.Parse(sealedToken);
        Assert.Equal(1, json.RootElement.GetProperty("v").GetInt32());
        Assert.Equal(token, Encoding.UTF8.GetString(CallbackToken.Unseal(sealedToken, Sealing().Opener)!));
    }

    [Fact]
    public void Unseal_AnyBitChanged_IsNone()
    {
        var sealing = Sealing();
        var sealedToken = CallbackToken.Seal(Utf8(Token("a")), bytes => sealing.Seal(bytes, s_facts))!;
        for (var bit = 0; bit < sealedToken.Length * 8; bit++)
        {
            var forged = (byte[])sealedToken.Clone();
            forged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null(CallbackToken.Unseal(forged, sealing.Opener));
        }
    }

    [Fact]
    public void Unseal_TheSealOfATask_IsNone()
    {
        var sealing = Sealing();
        var task = CallbackToken.Seal(Utf8(Token("a")), bytes => sealing.Seal(bytes, s_facts with { Kind = TaskKind.Nexus }))!;
        Assert.Null(CallbackToken.Unseal(task, sealing.Opener));
    }

    // Whatever a lenient parser would make of these, none is written by the server.
    [Theory]
    [InlineData("")]
    [InlineData("{\"v\":1,\"d\":\"")]
    [InlineData("""{"v":1,"d":"CgFh","D":"CgFi"}""")]
    [InlineData("""{"v":1,"D":"CgFh"}""")]
    [InlineData("""{ "v":1,"d":"CgFh"}""")]
    [InlineData("""{"v":2,"d":"CgFh"}""")]
    [InlineData("""{"d":"CgFh","v":1}""")]
    [InlineData("""{"v":1,"d":"Cg\u0046h"}""")]
    [InlineData("""{"v":1,"d":"CgFh "}""")]
    [InlineData("""{"v":1,"d":"Cg Fh"}""")]
    [InlineData("{\"v\":1,\"d\":\"Cg\nFh\"}")]
    [InlineData("""{"v":1,"d":"CgF+/"}""")]
    [InlineData("""{"v":1,"d":"CgFh"}}""")]
    public void TryUnwrap_AnyOtherShape_IsNone(string token) => Assert.False(CallbackToken.TryUnwrap(Utf8(token), out _));

    [Fact]
    public void TryRead_NamesTheNamespaceThatTheServerWouldFollow()
    {
        Assert.Equal(("a", "w"), Read([.. Text(1, "b"), .. Text(2, "w"), .. Text(1, "a")]));
        // A component's reference has a namespace of its own, and the server goes by that.
        Assert.Equal(("a", null), Read(Bytes(6, [.. Text(1, "a"), .. Text(2, "w")])));
        Assert.Equal(("a", null), Read([.. Text(1, "a"), .. Text(2, "w"), .. Bytes(6, Text(1, "a"))]));
        Assert.Null(Read([.. Text(1, "a"), .. Bytes(6, Text(1, "b"))]));
        Assert.Null(Read([.. Text(1, "a"), .. Bytes(6, Text(2, "w"))]));
        Assert.Null(Read([.. Text(1, "a"), .. Bytes(6, [0x0A, 0x7F])]));
        Assert.Null(Read([]));
        Assert.Null(Read(Text(2, "w")));
        Assert.Null(Read(Text(1, "a b")));
        Assert.Null(Read([.. Text(1, "a"), 0x0A, 0x05]));
    }

    [Fact]
    public void Read_TokenThatNobodySealed_DemandsTheStartWhereItLeads()
    {
        foreach (var (name, message, own) in Requests(Token("b0c1", "w-9"), Token("b0c1", "w-9")))
        {
            var operation = TemporalRequests.Read(name, message);
            Assert.Equal([own, Permission.WorkflowStart, Permission.NexusCall], TemporalRequests.Permissions(operation));
            Assert.Equal(("b0c1", null, "w-9"), (operation[1].NamespaceId, operation[1].Namespace, operation[1].WorkflowId));
            Assert.Equal(Dimensions.Namespace | Dimensions.WorkflowType | Dimensions.TaskQueue, operation[1].Unknown);
            Assert.True(operation.NamesById);
            var found = operation.With(d => d.NamespaceId is null ? d : d with { Namespace = "ledger" });
            Assert.Equal(("ledger", false), (found.MoreNamespaces, found.NamesById));
        }
    }

    [Fact]
    public void Read_SealedToken_DemandsTheRightToAnswerItsTask_InItsOwnNamespaceAlone()
    {
        var sealing = Sealing();
        string Seal(TaskFacts facts) => Encoding.UTF8.GetString(CallbackToken.Seal(Utf8(Token("b0c1")), bytes => sealing.Seal(bytes, facts))!);
        foreach (var (name, message, own) in Requests(Seal(s_facts)))
        {
            var operation = Open(name, message, sealing, out _)!;
            Assert.Equal([own, Permission.WorkerComplete], TemporalRequests.Permissions(operation));
            Assert.Equal(("payroll", "ledger"), (operation[1].Namespace, operation[1].TaskQueue));
            Assert.True(operation.SealedCallbacks);
        }

        foreach (var facts in new[] { s_facts with { Namespace = "payments" }, s_facts with { Kind = TaskKind.Nexus } })
        {
            foreach (var (name, message, _) in Requests(Seal(facts)))
            {
                Assert.Null(Open(name, message, sealing, out var refusal));
                Assert.Equal(RefusalReason.Unreadable, refusal!.Reason);
            }
        }
    }

    // What is nested may say another namespace than what is around it.
    [Fact]
    public void Read_SealedToken_BesideAnotherNamespace_IsRefused()
    {
        var sealing = Sealing();
        var token = Encoding.UTF8.GetString(CallbackToken.Seal(Utf8(Token("b0c1")), bytes => sealing.Seal(bytes, s_facts))!);
        var multi = (ExecuteMultiOperationRequest)Requests(token).Single(r => r.Name == "ExecuteMultiOperation").Message;
        multi.Operations[0].StartWorkflow.Namespace = "payments";
        Assert.Null(Open("ExecuteMultiOperation", multi, sealing, out var refusal));
        Assert.Equal(RefusalReason.Unreadable, refusal!.Reason);
    }

    [Theory]
    [InlineData("not a token")]
    [InlineData("""{"v":1,"d":"EgF3"}""")]
    public void Read_TokenThatCannotBeRead_IsRefused(string token)
    {
        foreach (var (name, message, _) in Requests(token))
        {
            Assert.Null(TemporalReader.Read(TemporalRequests.Methods.Single(m => m.Name == name), message.ToByteArray(), out var refusal));
            Assert.Equal(RefusalReason.Unreadable, refusal!.Reason);
        }
    }

    // Each may cost a question to the engine.
    [Fact]
    public void Read_MoreTokensThanTheServerTakes_IsRefused()
    {
        var (name, message, _) = Requests([.. Enumerable.Range(0, 101).Select(i => Token("n" + i))])[0];
        Assert.Null(TemporalReader.Read(TemporalRequests.Methods.Single(m => m.Name == name), message.ToByteArray(), out var refusal));
        Assert.Equal(RefusalReason.Unreadable, refusal!.Reason);
    }

    [Theory]
    [InlineData("Nexus-Callback-Temporal-Callback-Token", true)]
    [InlineData(" nexus-callback-source", true)]
    [InlineData("TEMPORAL-CALLBACK-TOKEN", true)]
    [InlineData("nexus-callback", false)]
    [InlineData("x-nexus-callback-a", false)]
    public void Read_NexusHeaderThatWouldPassForTheServers_DemandsTheCluster(string header, bool demands)
    {
        var answer = new RespondWorkflowTaskCompletedRequest { Namespace = "payments" };
        answer.Commands.Add(new Temporalio.Api.Command.V1.Command { ScheduleNexusOperationCommandAttributes = new() { Endpoint = "e", NexusHeader = { ["a"] = "b", [header] = "c" } } });
        var command = TemporalRequests.Read("RespondWorkflowTaskCompleted", answer);
        Assert.Equal([Permission.WorkerComplete, Permission.NexusCall, .. demands ? [Permission.ClusterAdmin] : (Permission[])[]], TemporalRequests.Permissions(command));
        Assert.All(command.More, d => Assert.NotEqual(0, d.Command));
        // nexus_header { key value: "c" }, a field that the SDK's messages may be too old for.
        byte[] alone = [.. Text(1, "payments"), .. Bytes(15, [.. Text(1, header), .. Text(2, "c")])];
        Assert.Equal([Permission.NexusCall, .. demands ? [Permission.ClusterAdmin] : (Permission[])[]], TemporalRequests.Permissions(TemporalRequests.Read("StartNexusOperationExecution", alone)));
    }

    [Fact]
    public void Places_OfTokens_AreTheseAndNoOthers()
    {
        var requests = TemporalRequests.Methods.Where(m => m.Callbacks is not null).SelectMany(m => m.Callbacks!.Paths.Select(p => $"{m.Name}: {p}"));
        Assert.Equal(
            [
                "ExecuteMultiOperation: operations[].start_workflow.completion_callbacks[].nexus.header", "ExecuteMultiOperation: operations[].update_workflow.request.completion_callbacks[].nexus.header",
                "StartActivityExecution: completion_callbacks[].nexus.header", "StartWorkflowExecution: completion_callbacks[].nexus.header", "UpdateWorkflowExecution: request.completion_callbacks[].nexus.header",
            ],
            requests.Order(StringComparer.Ordinal));
        var tasks = TemporalRequests.Methods.Where(m => m.HandedCallbacks is not null).SelectMany(m => m.HandedCallbacks!.Paths.Select(p => $"{m.Name}: {p}"));
        Assert.Equal(["PollNexusTaskQueue: request.start_operation.callback_header"], tasks);
    }

    [Fact]
    public void TryEdit_ANexusTask_ChangesTheTokenAlone()
    {
        var task = new PollNexusTaskQueueResponse
        {
            TaskToken = ByteString.CopyFromUtf8("t"),
            Request = new Request
            {
                // The caller's own headers: whatever he writes there isn't the server's word.
                Header = { [Header] = "the caller's", ["x"] = "y" },
                StartOperation = new StartOperationRequest { Service = "s", CallbackHeader = { ["a"] = "b", ["TEMPORAL-callback-token"] = "old", ["c"] = "d" }, Payload = new Payload { Data = ByteString.CopyFromUtf8("p") } },
            },
        };
        var output = new ArrayBufferWriter<byte>();
        Assert.True(TemporalRequests.Methods.Single(m => m.Name == "PollNexusTaskQueue").HandedCallbacks!.TryEdit(task.ToByteArray(), old => [.. "new "u8, .. old], output));
        task.Request.StartOperation.CallbackHeader["TEMPORAL-callback-token"] = "new old";
        Assert.Equal(task, PollNexusTaskQueueResponse.Parser.ParseFrom(output.WrittenSpan));
    }

    // An entry may be written in any order and more than once; the last of each counts.
    [Fact]
    public void TryEdit_AnEntryInAnyOrder_IsReadAsProtobufDoes()
    {
        byte[] entry = [.. Text(2, "old"), .. Text(1, "x"), .. Text(1, Header), .. Text(3, "kept")];
        var output = new ArrayBufferWriter<byte>();
        Assert.True(Start.Callbacks!.TryEdit(Bytes(21, Bytes(2, Bytes(2, entry))), _ => "new"u8.ToArray(), output));
        Assert.Equal(Bytes(21, Bytes(2, Bytes(2, [.. Text(2, "new"), .. Text(1, "x"), .. Text(1, Header), .. Text(3, "kept")]))), output.WrittenSpan.ToArray());
    }

    [Fact]
    public void TryEdit_MessageCutAnywhere_NeverThrows_AndNeverWritesHalf()
    {
        var whole = Requests(Token("a"))[0].Message.ToByteArray();
        for (var length = 0; length < whole.Length; length++)
        {
            var output = new ArrayBufferWriter<byte>();
            var edited = Start.Callbacks!.TryEdit(whole.AsSpan(0, length), _ => null, output);
            Assert.True(!edited || output.WrittenSpan.SequenceEqual(whole.AsSpan(0, length)));
        }
    }

    private static TemporalMethod Start => TemporalRequests.Methods.Single(m => m.Name == "StartWorkflowExecution");

    private static Operation? Open(string name, IMessage message, TaskSealing sealing, out Refusal? refusal) =>
        TemporalReader.Read(TemporalRequests.Methods.Single(m => m.Name == name), message.ToByteArray(), CallbackAddresses.None, sealing.Opener, out _, out refusal);

    private static (string Name, IMessage Message, Permission Own)[] Requests(params string[] tokens)
    {
        var callbacks = tokens.Select(t => new Callback { Nexus = new Callback.Types.Nexus { Url = "temporal://system", Header = { ["TEMPORAL-CALLBACK-token"] = t } } }).ToArray();
        var start = new StartWorkflowExecutionRequest { Namespace = "payroll", WorkflowId = "a", CompletionCallbacks = { callbacks } };
        return
        [
            ("StartWorkflowExecution", start, Permission.WorkflowStart),
            ("ExecuteMultiOperation", new ExecuteMultiOperationRequest { Namespace = "payroll", Operations = { new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = start.Clone() } } }, Permission.WorkflowStart),
            ("StartActivityExecution", new StartActivityExecutionRequest { Namespace = "payroll", CompletionCallbacks = { callbacks } }, Permission.ActivityStart),
        ];
    }

    private static (string, string?)? Read(byte[] data) => CallbackToken.TryRead(data, out var ns, out var workflow) ? (ns, workflow) : null;

    private static string Token(string ns, string workflow = "w") =>
        $$"""{"v":1,"d":"{{Convert.ToBase64String([.. Text(1, ns), .. Text(2, workflow), .. Text(3, "r")]).Replace('+', '-').Replace('/', '_')}}"}""";

    private static byte[] Text(int number, string value) => Bytes(number, Utf8(value));

    private static byte[] Bytes(int number, ReadOnlySpan<byte> value)
    {
        var output = new ArrayBufferWriter<byte>();
        Postern.Engines.Temporal.Lens.Wire.WriteField(number, value, output);
        return output.WrittenSpan.ToArray();
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private TaskSealing Sealing() => new(new SealKeys(_folder, TimeProvider.System, NullLogger.Instance), "main");
}
