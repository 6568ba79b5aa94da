using Google.Protobuf;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Namespace.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>Gates that share their keys are one: whatever one of them hands out or signs, every other opens and publishes, also when the first is gone.</summary>
public sealed class TwoGatesAreOne : IAsyncLifetime
{
    private TestIssuer _issuer = null!;
    private Gate _first = null!;
    private Gate _second = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _issuer = await TestIssuer.StartAsync();
        var setup = new GateSetup { Issuer = _issuer, Script = Answer };
        _first = await Gate.StartAsync(setup);
        _second = await Gate.StartAsync(setup with { KeysOf = _first.Folder });
    }

    public async ValueTask DisposeAsync()
    {
        await _second.DisposeAsync();
        await _first.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    [Fact]
    public async Task TaskHandedOutByOne_IsAnsweredThroughTheOther_AlsoWhenTheFirstIsGone()
    {
        var poll = new PollActivityTaskQueueRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = "payments" } };
        var tasks = new List<ByteString>();
        foreach (var gate in new[] { _first, _second })
        {
            tasks.Add(PollActivityTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message((await CallAsync(gate, "PollActivityTaskQueue", poll, "worker")).Body)).TaskToken);
        }

        Assert.Equal(0, (await CompleteAsync(_first, tasks[1])).Status);
        await _first.StopAsync();
        Assert.Equal(0, (await CompleteAsync(_second, tasks[0])).Status);
        Assert.Equal("engine", RespondActivityTaskCompletedRequest.Parser.ParseFrom(_second.Engine.Calls[^1].Message).TaskToken.ToStringUtf8());
    }

    [Fact]
    public async Task PageOfOne_IsContinuedByTheOther()
    {
        var first = await CallAsync(_first, "ListNamespaces", new ListNamespacesRequest { PageSize = 1 }, "root");
        Assert.True(first.Status == 0, first.Message);
        var page = ListNamespacesResponse.Parser.ParseFrom(GrpcFrame.Message(first.Body));
        Assert.Equal("payments", Assert.Single(page.Namespaces).NamespaceInfo.Name);

        var second = await CallAsync(_second, "ListNamespaces", new ListNamespacesRequest { PageSize = 1, NextPageToken = page.NextPageToken }, "root");
        Assert.True(second.Status == 0, second.Message);
        var rest = ListNamespacesResponse.Parser.ParseFrom(GrpcFrame.Message(second.Body));
        Assert.Equal("ledger", Assert.Single(rest.Namespaces).NamespaceInfo.Name);
        Assert.True(rest.NextPageToken.IsEmpty);
    }

    [Fact]
    public async Task WhatEitherSigns_IsInTheKeySetOfBoth()
    {
        foreach (var gate in new[] { _first, _second })
        {
            await CallAsync(gate, "StartWorkflowExecution", StartWorkflowExecutionRequest.Parser.ParseFrom(Requests.Start()), "root");
            var arrived = gate.Engine.Calls.Single(call => call.Operation == "StartWorkflowExecution");
            var assertion = Assertion.Of(StartWorkflowExecutionRequest.Parser.ParseFrom(arrived.Message).Header);
            foreach (var publisher in new[] { _first, _second })
            {
                Assert.True(new UpstreamToken(arrived).IsSignedBy(await Assertion.KeySetAsync(publisher, "/engine")));
                Assert.True(assertion.IsSignedBy(await Assertion.KeySetAsync(publisher, "/caller")));
            }
        }
    }

    private static StubAnswer Answer(ArrivedCall call) => call.Operation switch
    {
        "PollActivityTaskQueue" => StubAnswer.Ok(new PollActivityTaskQueueResponse { TaskToken = ByteString.CopyFromUtf8("engine"), ActivityId = "1" }.ToByteArray()),
        "ListNamespaces" when ListNamespacesRequest.Parser.ParseFrom(call.Message).NextPageToken.IsEmpty => Page("payments", "2"),
        "ListNamespaces" => Page("ledger", ""),
        _ => StubAnswer.Ok(),
    };

    private static StubAnswer Page(string name, string next) => StubAnswer.Ok(new ListNamespacesResponse
    {
        Namespaces = { new DescribeNamespaceResponse { NamespaceInfo = new NamespaceInfo { Name = name } } },
        NextPageToken = ByteString.CopyFromUtf8(next),
    }.ToByteArray());

    private Task<GrpcResult> CompleteAsync(Gate gate, ByteString token) =>
        gate.Client.CallAsync("RespondActivityTaskCompleted", Requests.CompleteActivity(token), _issuer.Token("worker"), Cancellation);

    private Task<GrpcResult> CallAsync(Gate gate, string method, IMessage message, string caller) =>
        gate.Client.CallAsync(method, message.ToByteArray(), _issuer.Token(caller), Cancellation, ("grpc-timeout", "20S"));
}
