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

    [Fact]
    public async Task Calls_OfTheCommandLine_AreAnsweredAsRecorded()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var ids = new Dictionary<string, string>(StringComparer.Ordinal);
        // The recorded server had endpoints of others too: the lists of all are left out.
        var calls = Recording.Read("cli/operator-nexus-endpoint")
            .Where(c => c.Operation.Contains("Nexus", StringComparison.Ordinal) && (c.Operation != "ListNexusEndpoints" || c.RequestBody.Length > 5))
            .ToList();
        foreach (var call in calls)
        {
            var request = ids.Aggregate(Latin(GrpcFrame.Message(call.RequestBody)), (text, id) => text.Replace(id.Key, id.Value, StringComparison.Ordinal));
            var answer = await client.CallAsync(call.Path, System.Text.Encoding.Latin1.GetBytes(request), null, TestContext.Current.CancellationToken);

            var all = call.Trailers.Concat(call.ResponseHeaders).ToList();
            Assert.Equal(
                (int.Parse(RawAnswer.Find(all, "grpc-status")!, System.Globalization.CultureInfo.InvariantCulture), Uri.UnescapeDataString(RawAnswer.Find(all, "grpc-message") ?? "")),
                (answer.Status, answer.Message));
            if (answer.Status == 0)
            {
                var (recorded, ours) = (Parsed(call, GrpcFrame.Message(call.ResponseBody)), Parsed(call, GrpcFrame.Message(answer.Body)));
                if (call.Operation == "CreateNexusEndpoint")
                {
                    ids[((CreateNexusEndpointResponse)recorded).Endpoint.Id] = ((CreateNexusEndpointResponse)ours).Endpoint.Id;
                }

                Assert.Equal(ids.Aggregate(Timeless(recorded), (text, id) => text.Replace(id.Key, id.Value, StringComparison.Ordinal)), Timeless(ours));
            }
        }

        Assert.True(calls.Count >= 11, calls.Count.ToString(System.Globalization.CultureInfo.InvariantCulture));
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

    private static string Latin(byte[] bytes) => System.Text.Encoding.Latin1.GetString(bytes);

    private static Google.Protobuf.IMessage Parsed(RecordedCall call, byte[] message) => EngineCalls.Type(call.Path, "Response").Parser.ParseFrom(message);

    // When is the engine's own; that there is a time, or none, must be the same.
    private static string Timeless(Google.Protobuf.IMessage message) =>
        System.Text.RegularExpressions.Regex.Replace(message.ToString()!, "Time\": \"[^\"]+\"", "Time\": \"then\"", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1));
}
