using Postern.Dev.Engine;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>A gate before the embedded engine, in which workflows of three types run.</summary>
public sealed class ListsFixture : IAsyncLifetime
{
    private DevEngine? _engine;

    internal Gate Gate { get; private set; } = null!;

    internal string EngineAddress => _engine!.Address.ToString();

    public async ValueTask InitializeAsync()
    {
        _engine = await DevEngine.StartAsync(new DevEngineOptions(), CancellationToken.None);
        Gate = await Gate.StartAsync(new GateSetup { EngineAddresses = $"\"{_engine.Address}\"" });
        using var client = new GrpcClient(_engine.Address.ToString());
        foreach (var (id, type) in new[] { ("report-1", "Report"), ("report-2", "Report"), ("refund-1", "Refund"), ("secret-1", "Secret") })
        {
            Assert.Equal(0, (await client.CallAsync("StartWorkflowExecution", Requests.Start("payments", type, id: id), null, CancellationToken.None, ("grpc-timeout", "30S"))).Status);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Gate.DisposeAsync();
        await _engine!.DisposeAsync();
    }
}
