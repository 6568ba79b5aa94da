using Google.Protobuf;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Common.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// The server calls a completion callback with its own rights, from its own network: to itself, and to where the administrator lets it, but to no address of a client's choice.
/// </summary>
public sealed class CallbacksLeadNowhereElse : IAsyncLifetime
{
    private Gate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await Gate.StartAsync(new GateSetup { EngineExtra = "  completionCallbacks: [\"https://hooks.example.com/*\"]" });

    public async ValueTask DisposeAsync() => await _gate.DisposeAsync();

    [Theory]
    [InlineData("temporal://system", 0)]
    [InlineData("https://hooks.example.com/done", 0)]
    [InlineData("https://hooks.example.com/../done", GrpcCode.PermissionDenied)]
    [InlineData("https://hooks.example.com.evil.example/done", GrpcCode.PermissionDenied)]
    [InlineData("http://169.254.169.254/latest", GrpcCode.PermissionDenied)]
    [InlineData("temporal://internal", GrpcCode.PermissionDenied)]
    [InlineData("", GrpcCode.PermissionDenied)]
    public Task Callback_ByItsAddress(string url, int status) => StartAsync(status, new Callback.Types.Nexus { Url = url });

    // By this header the server takes it for another cluster's, and calls whatever path the client wrote on its own API.
    [Theory]
    [InlineData("source")]
    [InlineData("SOURCE")]
    public async Task Callback_WithASource_IsRefused(string header)
    {
        foreach (var url in new[] { "temporal://system", "https://hooks.example.com/done" })
        {
            await StartAsync(GrpcCode.InvalidArgument, new Callback.Types.Nexus { Url = url, Header = { [header] = "cluster-id" } });
        }
    }

    private async Task StartAsync(int status, Callback.Types.Nexus nexus)
    {
        var start = StartWorkflowExecutionRequest.Parser.ParseFrom(Requests.Start());
        start.CompletionCallbacks.Add(new Callback { Nexus = new Callback.Types.Nexus { Url = "temporal://system" } });
        start.CompletionCallbacks.Add(new Callback { Nexus = nexus });
        var before = _gate.Engine.Calls.Count;
        var answer = await _gate.Client.CallAsync("StartWorkflowExecution", start.ToByteArray(), _gate.Issuer.Token("alice", "payments"), TestContext.Current.CancellationToken);
        Assert.True(answer.Status == status, answer.Message);
        Assert.Equal(status == 0 ? 1 : 0, _gate.Engine.Calls.Count - before);
    }
}
