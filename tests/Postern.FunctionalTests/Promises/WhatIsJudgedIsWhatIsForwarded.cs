using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>The engine acts on exactly what the policy was asked about, however the message is written.</summary>
public sealed class WhatIsJudgedIsWhatIsForwarded(GateFixture fixture) : IClassFixture<GateFixture>
{
    private const string Start = GrpcClient.WorkflowService + "StartWorkflowExecution";

    private Gate Gate => fixture.Gate;

    /// <summary>Namespace said twice: the last one counts, for the engine and so for us.</summary>
    [Theory]
    [InlineData("payroll", "payments", true)]
    [InlineData("payments", "payroll", false)]
    [InlineData("payments", "", false)]
    [InlineData("", "payments", true)]
    public async Task NamespaceTwice_TheLastOneIsJudged(string first, string last, bool allowed)
    {
        var message = StartRequest();
        message.Namespace = "";
        await JudgeAsync([.. Requests.Field(1, first), .. message.ToByteArray(), .. Requests.Field(1, last)], allowed);
    }

    [Theory]
    [InlineData("Report", "Refund", false)]
    [InlineData("Refund", "Report", true)]
    [InlineData("Refund", null, false)]
    [InlineData("Report", null, true)]
    public async Task WorkflowTypeTwice_TheMergedOneIsJudged(string first, string? last, bool allowed)
    {
        var message = StartRequest();
        message.WorkflowType = null;
        // reports may start Report only; an empty second message merges and changes nothing.
        await JudgeAsync(
            [.. message.ToByteArray(), .. Requests.Field(3, new WorkflowType { Name = first }), .. Requests.Field(3, last is null ? new WorkflowType() : new WorkflowType { Name = last })],
            allowed, "reports");
    }

    [Theory]
    [InlineData("payments-a", "payroll", false)]
    [InlineData("payroll", "payments-a", true)]
    public async Task TaskQueueOfAPollTwice_TheMergedOneIsJudged(string first, string last, bool allowed)
    {
        var before = Gate.Engine.Calls.Count;
        byte[] message =
        [
            .. Requests.Field(1, "payments"), .. Requests.Field(2, new TaskQueue { Name = first, Kind = TaskQueueKind.Normal }), .. Requests.Field(2, new TaskQueue { Name = last }),
        ];
        var answer = await Gate.Client.CallAsync("PollWorkflowTaskQueue", message, Gate.Issuer.Token("worker"), TestContext.Current.CancellationToken, ("grpc-timeout", "10S"));
        Assert.Equal(allowed ? 0 : GrpcCode.PermissionDenied, answer.Status);
        Assert.Equal(before + (allowed ? 1 : 0), Gate.Engine.Calls.Count);
        if (allowed)
        {
            Assert.Equal(last, PollWorkflowTaskQueueRequest.Parser.ParseFrom(Gate.Engine.Calls[^1].Message).TaskQueue.Name);
        }
    }

    [Fact]
    public async Task NamespaceWithAnotherWireType_IsNoNamespace()
    {
        var message = StartRequest();
        message.Namespace = "";
        // Field 1 as a varint: the server skips it as unknown, and so has no namespace.
        await JudgeAsync([0x08, 0x01, .. message.ToByteArray()], allowed: false);
    }

    [Theory]
    [InlineData("Payments")]
    [InlineData("payments ")]
    [InlineData(" payments")]
    [InlineData("payments\0")]
    [InlineData("payments\0payroll")]
    [InlineData("pаyments")]
    [InlineData("payments*")]
    [InlineData("*")]
    [InlineData("payments\n")]
    public async Task NamespaceThatOnlyLooksAlike_IsAnother(string name)
    {
        var message = StartRequest();
        message.Namespace = name;
        await JudgeAsync(message.ToByteArray(), allowed: false);
    }

    [Fact]
    public async Task NamespaceHeader_DecidesNothing()
    {
        var denied = StartRequest();
        denied.Namespace = "payroll";
        await JudgeAsync(denied.ToByteArray(), allowed: false, headers: [("temporal-namespace", "payments")]);
        await JudgeAsync(StartRequest().ToByteArray(), allowed: true, headers: [("temporal-namespace", "payroll")]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public async Task DataFramesOfAnySize_MakeTheSameMessage(int size)
    {
        var before = Gate.Engine.Calls.Count;
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        var body = GrpcFrame.Of(StartRequest().ToByteArray());
        await client.HeadersAsync(stream, RawHttp2.CallHeaders(Start, Gate.Issuer.Token("alice", "payments")));
        for (var from = 0; from < body.Length; from += size)
        {
            await client.DataAsync(stream, body.AsMemory(from, Math.Min(size, body.Length - from)), endStream: false);
        }

        await client.DataAsync(stream, Array.Empty<byte>());
        Assert.Equal(0, (await client.AnswerAsync(stream)).Status);
        AssertStamped(StartRequest(), Gate.Engine.Calls.Skip(before).Single());
    }

    [Fact]
    public async Task PaddedDataFrames_MakeTheSameMessage()
    {
        var before = Gate.Engine.Calls.Count;
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        await client.HeadersAsync(stream, RawHttp2.CallHeaders(Start, Gate.Issuer.Token("alice", "payments")));
        byte[] padded = [200, .. GrpcFrame.Of(StartRequest().ToByteArray()), .. Enumerable.Repeat((byte)'x', 200)];
        await client.WriteAsync(RawHttp2.Frame(RawHttp2.Data, RawHttp2.EndStream | RawHttp2.Padded, stream, padded));
        Assert.Equal(0, (await client.AnswerAsync(stream)).Status);
        AssertStamped(StartRequest(), Gate.Engine.Calls.Skip(before).Single());
    }

    [Theory]
    [InlineData(false, null)]
    [InlineData(false, "gzip")]
    [InlineData(false, "identity")]
    [InlineData(true, "gzip")]
    public async Task CompressedOrNot_TheSameMessageIsJudged(bool compressed, string? encoding)
    {
        foreach (var (name, allowed) in new[] { ("payments", true), ("payroll", false) })
        {
            var before = Gate.Engine.Calls.Count;
            var message = StartRequest();
            message.Namespace = name;
            await using var client = await Gate.ConnectAsync();
            var head = RawHttp2.CallHeaders(Start, Gate.Issuer.Token("alice", "payments"));
            if (encoding is not null)
            {
                head.Add(("grpc-encoding", encoding));
            }

            var answer = await client.CallAsync(head, compressed ? GrpcFrame.GzipOf(message.ToByteArray()) : GrpcFrame.Of(message.ToByteArray()));
            Assert.Equal(allowed ? 0 : GrpcCode.PermissionDenied, answer.Status);
            if (allowed)
            {
                var call = Gate.Engine.Calls.Skip(before).Single();
                AssertStamped(message, call);
                // The server answers gzip to those who sent it: the header stays, also where the stamped message goes out plain.
                Assert.Equal(encoding, call.Header("grpc-encoding"));
            }
        }
    }

    [Theory]
    [InlineData("payments", "payments", true)]
    [InlineData("payments", "payroll", false)]
    [InlineData("payroll", "payments", false)]
    [InlineData("payments", "", true)] // judged as the outer one; the server takes none but a written one
    public async Task NestedRequests_AreJudgedEach(string outer, string inner, bool allowed)
    {
        var message = new ExecuteMultiOperationRequest
        {
            Namespace = outer,
            Operations =
            {
                new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = new StartWorkflowExecutionRequest(StartRequest()) { Namespace = inner } },
                new ExecuteMultiOperationRequest.Types.Operation
                {
                    UpdateWorkflow = new UpdateWorkflowExecutionRequest
                    {
                        Namespace = inner,
                        WorkflowExecution = new WorkflowExecution { WorkflowId = "w-1" },
                        Request = new Temporalio.Api.Update.V1.Request
                        {
                            Meta = new Temporalio.Api.Update.V1.Meta { UpdateId = "u-1" }, Input = new Temporalio.Api.Update.V1.Input { Name = "add" },
                        },
                    },
                },
            },
        };
        var watch = new Watch(Gate);
        var answer = await Gate.Client.CallAsync("ExecuteMultiOperation", message.ToByteArray(), Gate.Issuer.Token("alice", "payments"), TestContext.Current.CancellationToken);
        if (allowed)
        {
            Assert.True(answer.Status == 0, answer.Message);
        }
        else
        {
            Assert.NotEqual(0, answer.Status);
            watch.EngineSawNothing();
        }
    }

    [Theory]
    [InlineData("payments", true)]
    [InlineData("", true)]
    [InlineData("payroll", false)]
    public async Task NamespacesInAWorkersCommands_AreJudgedToo(string target, bool allowed)
    {
        var watch = new Watch(Gate);
        var message = new RespondWorkflowTaskCompletedRequest
        {
            Namespace = "payments",
            TaskToken = Gate.SealedToken(TaskKind.Workflow),
            Commands =
            {
                new Command
                {
                    CommandType = CommandType.StartChildWorkflowExecution,
                    StartChildWorkflowExecutionCommandAttributes = new StartChildWorkflowExecutionCommandAttributes
                    {
                        Namespace = target, WorkflowId = "c", WorkflowType = new WorkflowType { Name = "Child" }, TaskQueue = new TaskQueue { Name = "payments" },
                    },
                },
            },
        };
        var answer = await Gate.Client.CallAsync("RespondWorkflowTaskCompleted", message.ToByteArray(), Gate.Issuer.Token("worker"), TestContext.Current.CancellationToken);
        Assert.Equal(allowed ? 0 : GrpcCode.InvalidArgument, answer.Status);
        if (!allowed)
        {
            await watch.RefusedAsync(answer.Message, "not-allowed", GrpcCode.InvalidArgument);
        }
    }

    /// <summary>Bytes changed at random: whatever still reaches the engine is, by the official parser, something that alice may.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public Task MutatedMessages_ReachTheEngineOnlyWhereTheyAreAllowed(int seed) => MutateAsync(seed, 1_000);

    [Fact]
    [Trait("Length", "long")]
    public Task MutatedMessages_ManyOfThem() => MutateAsync(4, 100_000);

    private async Task MutateAsync(int seed, int count)
    {
        var random = new Random(seed);
        var token = Gate.Issuer.Token("alice", "payments");
        byte[][] seeds =
        [
            StartRequest().ToByteArray(),
            [.. Requests.Field(1, "payroll"), .. StartRequest().ToByteArray()],
            [.. StartRequest().ToByteArray(), .. Requests.Field(1, "payroll")],
            [.. StartRequest().ToByteArray(), .. Requests.Field(3, new WorkflowType { Name = "Report" })],
        ];
        var forwarded = 0;
        for (var i = 0; i < count; i++)
        {
            var message = (byte[])seeds[random.Next(seeds.Length)].Clone();
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                message[random.Next(message.Length)] = (byte)(random.Next(3) == 0 ? "\n\b\x12payments"[random.Next(11)] : random.Next(256));
            }

            var before = Gate.Engine.Calls.Count;
            var answer = await Gate.Client.CallAsync("StartWorkflowExecution", message, token, TestContext.Current.CancellationToken);
            var arrived = Gate.Engine.Calls.Skip(before).ToList();
            if (answer.Status != 0)
            {
                Assert.Empty(arrived);
                continue;
            }

            forwarded++;
            StartWorkflowExecutionRequest request;
            try
            {
                request = StartWorkflowExecutionRequest.Parser.ParseFrom(Assert.Single(arrived).Message);
            }
            catch (Google.Protobuf.InvalidProtocolBufferException)
            {
                // Broken inside a payload, which the gate forwards unread: the engine's parser refuses the whole message.
                Gate.Engine.Forget();
                continue;
            }

            Assert.Equal("payments", request.Namespace);
            Assert.StartsWith("alice", request.Identity);
            Gate.Engine.Forget();
        }

        Assert.NotEqual(0, forwarded);
    }

    private static StartWorkflowExecutionRequest StartRequest() => StartWorkflowExecutionRequest.Parser.ParseFrom(Requests.Start());

    private async Task JudgeAsync(byte[] message, bool allowed, string group = "payments", (string, string)[]? headers = null)
    {
        var watch = new Watch(Gate);
        var before = Gate.Engine.Calls.Count;
        var answer = await Gate.Client.CallAsync(Start, message, Gate.Issuer.Token("alice", group), TestContext.Current.CancellationToken, headers ?? []);
        if (allowed)
        {
            Assert.True(answer.Status == 0, answer.Message);
            AssertStamped(StartWorkflowExecutionRequest.Parser.ParseFrom(message), Gate.Engine.Calls.Skip(before).Single());
        }
        else
        {
            // No namespace at all is unreadable; another one than the caller's isn't allowed.
            var unnamed = answer.Message.StartsWith("Namespace not set", StringComparison.Ordinal);
            await watch.RefusedAsync(answer.Message, unnamed ? "unreadable" : "not-allowed", unnamed ? GrpcCode.InvalidArgument : GrpcCode.PermissionDenied);
            Assert.Equal(unnamed ? GrpcCode.InvalidArgument : GrpcCode.PermissionDenied, answer.Status);
        }
    }

    /// <summary>What arrived is what was sent but for the stamped identity and the assertion.</summary>
    private static void AssertStamped(StartWorkflowExecutionRequest sent, ArrivedCall call)
    {
        var arrived = StartWorkflowExecutionRequest.Parser.ParseFrom(call.Message);
        Assert.StartsWith("alice", arrived.Identity);
        arrived.Identity = sent.Identity;
        arrived.Header = Assertion.TakenFrom(arrived.Header);
        Assert.Equal(sent, arrived);
    }
}
