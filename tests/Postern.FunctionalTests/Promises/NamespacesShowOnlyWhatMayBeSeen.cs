using Google.Protobuf;
using Postern.FunctionalTests.Dev.Engine;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Namespace.V1;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.OperatorService.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>Lists of the whole cluster show each caller what he may see, in full pages, and tell nothing of the rest; a page's token serves nobody and nothing else.</summary>
public sealed class NamespacesShowOnlyWhatMayBeSeen
{
    private const string ListEndpoints = GrpcClient.OperatorService + "ListNexusEndpoints";

    private const string Policy = """
        bindings:
          - { who: ["group:sevens"], role: viewer, where: { temporal: "*7" } }
          - { who: ["group:reports"], role: runner, where: { temporal: team-0042, workflowType: [Report] } }
          - { who: ["group:last"], role: viewer, where: { temporal: team-4999 } }
          - { who: ["group:auditors"], role: auditor, scope: cluster }
          - { who: ["user:root"], role: admin, where: { temporal: "*" } }
          - { who: ["user:root"], role: admin, scope: cluster }
        deny:
          - { what: [namespace.read], who: ["group:auditors"], where: { temporal: "team-0013" } }
          - { what: [namespace.list, nexus-endpoint.read], who: ["group:barred"] }
        """;

    [Theory]
    [InlineData("sevens", 10, 3)]
    [InlineData("sevens", 250, 3)]
    [InlineData("sevens", 250, 1)]
    [InlineData("sevens", 250, 0)]
    [InlineData("sevens", 250, 7)]
    [InlineData("reports", 250, 10)]
    [InlineData("nobody", 250, 10)]
    [InlineData("auditors", 250, 60)]
    public async Task List_InPages_IsWhatMayBeSeenInItsOrder(string group, int count, int page)
    {
        await using var gate = await StartAsync(count);
        var expected = Names(count).Where(n => group switch
        {
            "sevens" => n.EndsWith('7'),
            "reports" => n == "team-0042",
            "auditors" => n != "team-0013",
            _ => false,
        }).ToList();
        var token = gate.Issuer.Token("carol", group);
        var (seen, next, sizes) = (new List<string>(), ByteString.Empty, new List<int>());
        do
        {
            var answer = await ListAsync(gate, token, page, next);
            seen.AddRange(answer.Namespaces.Select(n => n.NamespaceInfo.Name));
            sizes.Add(answer.Namespaces.Count);
            next = answer.NextPageToken;
            // Neither the token nor anything else holds the name of what isn't shown, or where it was.
            Assert.DoesNotContain("team-", next.ToStringUtf8());
        }
        while (!next.IsEmpty);

        Assert.Equal(expected, seen);
        Assert.All(sizes.SkipLast(1), size => Assert.Equal(page == 0 ? 100 : page, size));
    }

    [Fact]
    public async Task List_OfWhoMaySeeAll_IsTheEnginesOwn()
    {
        await using var gate = await StartAsync(90);
        Assert.Equal(new ListNamespacesResponse { Namespaces = { Names(90).Select(Described) } }, await ListAsync(gate, gate.Issuer.Token("root"), 0, ByteString.Empty));
        var asked = Assert.Single(gate.Engine.Calls);
        Assert.Equal("postern.gate/postern", new UpstreamToken(asked).Subject);
    }

    [Fact]
    public async Task List_WithFarTooMuchThatMayNotBeSeen_GoesOnWhereItStopped()
    {
        await using var gate = await StartAsync(5000);
        var token = gate.Issuer.Token("carol", "last");
        var (next, seen, calls) = (ByteString.Empty, new List<string>(), 0);
        do
        {
            var answer = await ListAsync(gate, token, 10, next);
            seen.AddRange(answer.Namespaces.Select(n => n.NamespaceInfo.Name));
            next = answer.NextPageToken;
            Assert.InRange(gate.Engine.Calls.Count, ++calls, calls * 20);
        }
        while (!next.IsEmpty);

        Assert.Equal(["team-4999"], seen);
        Assert.Equal(3, calls);
    }

    [Fact]
    public async Task Token_OfAnotherOrNone_IsRefusedBeforeTheEngineIsAsked()
    {
        await using var gate = await StartAsync(250);
        var token = gate.Issuer.Token("carol", "sevens");
        var page = (await ListAsync(gate, token, 3, ByteString.Empty)).NextPageToken;
        Assert.Equal("team-0037", (await ListAsync(gate, token, 1, page)).Namespaces.Single().NamespaceInfo.Name);

        await RefusedAsync(gate, gate.Issuer.Token("dave", "sevens"), page);
        await RefusedAsync(gate, gate.Issuer.Token("root"), page);
        await RefusedAsync(gate, token, page, ListEndpoints);
        await RefusedAsync(gate, token, ByteString.CopyFromUtf8("100"));
        await RefusedAsync(gate, token, ByteString.CopyFrom(new byte[4096]));
        await RefusedAsync(gate, token, ByteString.CopyFrom([.. page, .. page]));

        // A restart keeps the keys, another version of the policy doesn't keep the place.
        await gate.RestartAsync();
        Assert.Equal("team-0037", (await ListAsync(gate, token, 1, page)).Namespaces.Single().NamespaceInfo.Name);
        await gate.SetPolicyAsync(Policy + "\n  - { what: [workflow.list], who: [\"group:others\"] }\n");
        await RefusedAsync(gate, token, page);
    }

    [Fact]
    public Task Token_Forged_IsRefused() => ForgeAsync(500);

    [Fact]
    [Trait("Length", "long")]
    public Task Token_ForgedManyTimes_IsRefused() => ForgeAsync(50_000);

    [Fact]
    public async Task List_ThatADenyNames_IsRefused()
    {
        await using var gate = await StartAsync(10);
        var token = gate.Issuer.Token("carol", "barred");
        Assert.Equal(GrpcCode.PermissionDenied, (await gate.Client.AskAsync("ListNamespaces", null, token)).Status);
        Assert.Equal(GrpcCode.PermissionDenied, (await gate.Client.AskAsync(ListEndpoints, null, token)).Status);
        Assert.Empty(gate.Engine.Calls);
        Assert.Equal(GrpcCode.Unauthenticated, (await gate.Client.AskAsync("ListNamespaces")).Status);
    }

    [Theory]
    [InlineData("root", "", "one two three")]
    [InlineData("carol", "auditors", "one two three")]
    [InlineData("carol", "sevens", "")]
    [InlineData("carol", "nobody", "")]
    public async Task Endpoints_AreThoseThatMayBeSeen(string subject, string group, string expected)
    {
        await using var gate = await StartAsync(10);
        var answer = await gate.Client.AskAsync(ListEndpoints, new ListNexusEndpointsRequest { PageSize = 2 }, gate.Issuer.Token(subject, group));
        Assert.True(answer.Status == 0, answer.Message);
        var first = ListNexusEndpointsResponse.Parser.ParseFrom(GrpcFrame.Message(answer.Body));
        var names = first.Endpoints.Select(e => e.Spec.Name).ToList();
        if (!first.NextPageToken.IsEmpty)
        {
            var second = await gate.Client.AskAsync(ListEndpoints, new ListNexusEndpointsRequest { PageSize = 2, NextPageToken = first.NextPageToken }, gate.Issuer.Token(subject, group));
            names.AddRange(ListNexusEndpointsResponse.Parser.ParseFrom(GrpcFrame.Message(second.Body)).Endpoints.Select(e => e.Spec.Name));
        }

        Assert.Equal(expected, string.Join(' ', names));
    }

    [Theory]
    [InlineData(14, GrpcCode.Unavailable)]
    [InlineData(7, GrpcCode.Unavailable)]
    [InlineData(3, GrpcCode.InvalidArgument)]
    public async Task List_ThatTheEngineRefuses_EndsSo(int engine, int expected)
    {
        await using var gate = await Gate.StartAsync(new GateSetup { PolicyText = Policy, Script = _ => StubAnswer.Error(engine, "because") });
        Assert.Equal(expected, (await gate.Client.AskAsync("ListNamespaces", null, gate.Issuer.Token("root"))).Status);
    }

    private static async Task ForgeAsync(int cases)
    {
        await using var gate = await StartAsync(250);
        var token = gate.Issuer.Token("carol", "sevens");
        var page = (await ListAsync(gate, token, 3, ByteString.Empty)).NextPageToken.ToByteArray();
        var random = new Random(7);
        var asked = gate.Engine.Calls.Count;
        for (var i = 0; i < cases; i++)
        {
            var forged = page.ToArray();
            switch (random.Next(4))
            {
                case 0:
                    forged[random.Next(forged.Length)] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    forged = forged[..random.Next(1, forged.Length)];
                    break;
                case 2:
                    forged = [.. forged, (byte)random.Next(256)];
                    break;
                default:
                    random.NextBytes(forged.AsSpan(random.Next(forged.Length)));
                    break;
            }

            if (!forged.AsSpan().SequenceEqual(page))
            {
                var answer = await gate.Client.AskAsync("ListNamespaces", new ListNamespacesRequest { NextPageToken = ByteString.CopyFrom(forged) }, token);
                Assert.True(answer.Status == GrpcCode.InvalidArgument, $"case {i}: {answer.Status} for {Convert.ToHexString(forged)}");
            }
        }

        Assert.Equal(asked, gate.Engine.Calls.Count);
    }

    private static async Task RefusedAsync(Gate gate, string token, ByteString page, string method = "ListNamespaces")
    {
        var watch = new Watch(gate);
        IMessage request = method == ListEndpoints ? new ListNexusEndpointsRequest { NextPageToken = page } : new ListNamespacesRequest { NextPageToken = page };
        var answer = await gate.Client.AskAsync(method, request, token);
        await watch.RefusedAsync(answer.Message, "unreadable", GrpcCode.InvalidArgument);
    }

    private static async Task<ListNamespacesResponse> ListAsync(Gate gate, string token, int size, ByteString page)
    {
        var answer = await gate.Client.AskAsync("ListNamespaces", new ListNamespacesRequest { PageSize = size, NextPageToken = page }, token);
        Assert.True(answer.Status == 0, answer.Message);
        return ListNamespacesResponse.Parser.ParseFrom(GrpcFrame.Message(answer.Body));
    }

    private static IEnumerable<string> Names(int count) => Enumerable.Range(0, count).Select(i => $"team-{i:D4}");

    private static DescribeNamespaceResponse Described(string name) => new() { NamespaceInfo = new NamespaceInfo { Name = name, Description = "of " + name }, IsGlobalNamespace = true };

    // An engine with so many namespaces and three endpoints; its page tokens are names, as some stores' are.
    private static Task<Gate> StartAsync(int count)
    {
        var all = Names(count).ToList();
        return Gate.StartAsync(new GateSetup
        {
            PolicyText = Policy,
            Script = call => call.Operation switch
            {
                "ListNamespaces" => StubAnswer.Ok(Namespaces(all, ListNamespacesRequest.Parser.ParseFrom(call.Message)).ToByteArray()),
                "ListNexusEndpoints" => StubAnswer.Ok(new ListNexusEndpointsResponse { Endpoints = { Endpoint("one"), Endpoint("two"), Endpoint("three") } }.ToByteArray()),
                _ => StubAnswer.Ok(),
            },
        });
    }

    private static ListNamespacesResponse Namespaces(List<string> all, ListNamespacesRequest request)
    {
        var from = request.NextPageToken.IsEmpty ? 0 : all.IndexOf(request.NextPageToken.ToStringUtf8()) + 1;
        var page = all.Skip(from).Take(request.PageSize).ToList();
        return new ListNamespacesResponse
        {
            Namespaces = { page.Select(Described) },
            NextPageToken = from + page.Count < all.Count ? ByteString.CopyFromUtf8(page[^1]) : ByteString.Empty,
        };
    }

    private static Endpoint Endpoint(string name) => new()
    {
        Id = name, Spec = new EndpointSpec { Name = name, Target = new EndpointTarget { Worker = new EndpointTarget.Types.Worker { Namespace = "team-0001", TaskQueue = "q" } } },
    };
}
