using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.OperatorService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>Nexus endpoints, with the server's words where they don't go.</summary>
public sealed class NexusEndpointTests
{
    private const string Operator = GrpcClient.OperatorService;

    [Fact]
    public async Task Endpoint_FromItsMakingToItsEnd()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var made = await NexusCalls.EndpointAsync(client, "ledger", "payroll", "q");
        Assert.Equal((1L, $"/nexus/endpoints/{made.Id}/services"), (made.Version, made.UrlPrefix));
        Assert.NotNull(made.CreatedTime);

        var stale = await client.AskAsync(Operator + "UpdateNexusEndpoint", new UpdateNexusEndpointRequest { Id = made.Id, Version = 7, Spec = made.Spec });
        Assert.Equal((9, "nexus endpoint version mismatch. received: 7 expected 1"), (stale.Status, stale.Message));
        var spec = made.Spec.Clone();
        spec.Target.Worker.TaskQueue = "other";
        var changed = (await client.OkAsync<UpdateNexusEndpointResponse>(
            Operator + "UpdateNexusEndpoint", new UpdateNexusEndpointRequest { Id = made.Id, Version = 1, Spec = spec })).Endpoint;
        Assert.Equal((2L, "other", made.Id), (changed.Version, changed.Spec.Target.Worker.TaskQueue, changed.Id));
        Assert.Equal(changed, (await client.OkAsync<GetNexusEndpointResponse>(Operator + "GetNexusEndpoint", new GetNexusEndpointRequest { Id = made.Id })).Endpoint);

        await client.OkAsync<DeleteNexusEndpointResponse>(Operator + "DeleteNexusEndpoint", new DeleteNexusEndpointRequest { Id = made.Id, Version = 2 });
        var gone = await client.AskAsync(Operator + "GetNexusEndpoint", new GetNexusEndpointRequest { Id = made.Id });
        Assert.Equal((5, $"Nexus endpoint with ID `{made.Id}` not found"), (gone.Status, gone.Message));
    }

    [Fact]
    public async Task Endpoints_InPagesAndByName()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var made = new List<Endpoint>();
        for (var i = 0; i < 5; i++)
        {
            made.Add(await NexusCalls.EndpointAsync(client, "ledger-" + i, "payroll", "q"));
        }

        var listed = new List<Endpoint>();
        var request = new ListNexusEndpointsRequest { PageSize = 2 };
        do
        {
            var page = await client.OkAsync<ListNexusEndpointsResponse>(Operator + "ListNexusEndpoints", request);
            listed.AddRange(page.Endpoints);
            request.NextPageToken = page.NextPageToken;
        }
        while (!request.NextPageToken.IsEmpty);

        Assert.Equal(made.OrderBy(e => e.Id, StringComparer.Ordinal), listed);
        var named = await client.OkAsync<ListNexusEndpointsResponse>(Operator + "ListNexusEndpoints", new ListNexusEndpointsRequest { Name = "ledger-3" });
        Assert.Equal("ledger-3", Assert.Single(named.Endpoints).Spec.Name);
        Assert.Empty((await client.OkAsync<ListNexusEndpointsResponse>(Operator + "ListNexusEndpoints", new ListNexusEndpointsRequest { Name = "nope" })).Endpoints);
    }

    [Theory]
    [InlineData("ledger", "payroll", "q", 6, "error creating Nexus endpoint. Endpoint with name ledger already registered")]
    [InlineData("9ledger", "payroll", "q", 3, """endpoint name must match the regex: "^[a-zA-Z][a-zA-Z0-9\\-]*[a-zA-Z0-9]$" """)]
    [InlineData("other\n", "payroll", "q", 3, """endpoint name must match the regex: "^[a-zA-Z][a-zA-Z0-9\\-]*[a-zA-Z0-9]$" """)]
    [InlineData("", "payroll", "q", 3, "endpoint name not set")]
    [InlineData("other", "nope", "q", 9, "could not verify namespace referenced by target exists: Namespace nope is not found.")]
    [InlineData("other", "payroll", "", 3, "target task queue not set")]
    public async Task Endpoint_ThatMakesNoSense_IsRefused(string name, string space, string queue, int status, string message)
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        await NexusCalls.EndpointAsync(client, "ledger", "payroll", "q");

        var refused = await client.AskAsync(Operator + "CreateNexusEndpoint", new CreateNexusEndpointRequest { Spec = NexusCalls.Spec(name, space, queue) });

        Assert.Equal((status, message.TrimEnd()), (refused.Status, refused.Message));
    }
}
