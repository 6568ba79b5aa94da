using System.Text.Json;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>P: path and route identity. The caller may everything, so that only the path can be what refuses.</summary>
public sealed class PathCases(GateFixture fixture) : IClassFixture<GateFixture>
{
    private const string Service = "temporal.api.workflowservice.v1.WorkflowService";
    private const string Describe = "/" + Service + "/DescribeWorkflowExecution";
    private const string Terminate = "/" + Service + "/TerminateWorkflowExecution";

    private Gate Gate => fixture.Gate;

    public static TheoryData<string, string> Paths => new()
    {
        { "P2 two slashes", "/" + Describe },
        { "P2 authority form", "//" + Service + "/DescribeWorkflowExecution" },
        { "P2 //admin", "//admin" },
        { "P3 dot dot", "/pub/.." + Describe },
        { "P3 dot dot out of a known method", Describe + "/../TerminateWorkflowExecution" },
        { "P3 dot", "/." + Describe },
        { "P3 dot in the middle", "/" + Service + "/./DescribeWorkflowExecution" },
        { "P3 encoded dots", "/pub/%2e%2e" + Describe },
        { "P3 encoded dots, upper case", "/pub/%2E%2E" + Describe },
        { "P3 twice encoded", "/pub/%252e%252e" + Describe },
        { "P3 semicolon", "/pub/..;" + Describe },
        { "P3 encoded slash", "/" + Service + "%2FDescribeWorkflowExecution" },
        { "P3 encoded letter", "/" + Service + "/%44escribeWorkflowExecution" },
        { "P3 backslash", "/" + Service + "\\DescribeWorkflowExecution" },
        { "P3 encoded NUL", Describe + "%00" },
        { "P3 broken escape", Describe + "%" },
        { "P3 trailing slash", Describe + "/" },
        { "P3 three parts", Describe + "/more" },
        { "P3 trailing space", Describe + " " },
        { "P3 over-long UTF-8", "/" + Service + "%C0%AFDescribeWorkflowExecution" },
        { "P5 fragment", Describe + "#" },
        { "P5 fragment with a method", Describe + "#/grpc.health.v1.Health/Check" },
        { "P6 empty query", Describe + "?" },
        { "P6 query names an open path", Describe + "?path=/grpc.health.v1.Health/Check" },
        { "P6 query after an open path", "/grpc.health.v1.Health/Check?" + Describe },
        { "P6 parameters", Describe + ";a=b" },
        { "P7 absolute form", "http://other" + Describe },
        { "P10 longer than a known method", Describe + "X" },
        { "P10 shorter than a known method", Describe[..^1] },
        { "P10 other case", Describe.ToLowerInvariant() },
        { "P10 case of the service", "/" + Service.ToUpperInvariant() + "/DescribeWorkflowExecution" },
        { "P10 health with more", "/grpc.health.v1.Health/CheckX" },
        { "P10 health below", "/grpc.health.v1.Health/Check" + Describe },
        { "P12 unknown method", "/" + Service + "/NoSuchMethod" },
        { "P12 unknown service", "/no.such.Service/Call" },
        { "P12 no method", "/" + Service },
        { "P12 no method, slash", "/" + Service + "/" },
        { "P12 no service", "/nothing" },
        { "P12 root", "/" },
        { "P12 newer version of the API", "/temporal.api.workflowservice.v2.WorkflowService/DescribeWorkflowExecution" },
        { "P12 history service", "/temporal.server.api.historyservice.v1.HistoryService/GetShard" },
        { "P12 matching service", "/temporal.server.api.matchingservice.v1.MatchingService/AddWorkflowTask" },
        { "P12 cloud", "/temporal.api.cloud.cloudservice.v1.CloudService/GetNamespaces" },
        { "P12 test service", "/temporal.api.testservice.v1.TestService/GetCurrentTime" },
        { "P13 JSON twin", "/api/v1/namespaces/payments/workflows/w-1" },
        { "P13 JSON twin, root", "/api/v1/namespaces" },
        { "P13 cluster twin", "/cluster/namespaces" },
        { "P13 Nexus", "/nexus/endpoints/e/services/s/o" },
    };

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Path_OtherThanAKnownMethods_IsUnknownAndNeverForwarded(string id, string path)
    {
        Assert.NotEmpty(id);
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(path, Gate.Issuer.Token("root")), GrpcFrame.Of(Requests.Describe()));
        watch.EngineSawNothing();
        if (answer.Reset is null && !answer.Closed)
        {
            // A path that the server itself can't read is reset before it is a call; every other one is refused by us and recorded.
            Assert.Equal(GrpcCode.Unimplemented, answer.Status);
            await watch.RefusedAsync(answer.Message, "unknown-operation", GrpcCode.Unimplemented);
        }
    }

    [Theory]
    [InlineData("/temporal.server.api.adminservice.v1.AdminService/DescribeCluster")]
    [InlineData("/temporal.server.api.adminservice.v1.AdminService/DeleteWorkflowExecution")]
    [InlineData("/temporal.server.api.adminservice.v1.AdminService/StreamWorkflowReplicationMessages")]
    [InlineData("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")]
    [InlineData("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")]
    public async Task P12_ServicesThatTheEngineHasAndTheGateRefuses_AreNeverForwarded(string path)
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(path, Gate.Issuer.Token("root")), GrpcFrame.Of([]));
        Assert.Contains(answer.Status, new int?[] { GrpcCode.Unimplemented, GrpcCode.PermissionDenied });
        watch.EngineSawNothing();
        await watch.RecordAsync(answer.Message);
    }

    [Fact]
    public async Task P7_AuthorityAndHostThatDisagree_SelectNoOtherEngine()
    {
        await using var other = await StubEngine.StartAsync();
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            EngineExtra = $$"""
                  hosts: [a.test]
                - name: other
                  addresses: ["{{other.Address}}"]
                  hosts: [b.test]
                  credential: { none: true }
                """,
        });
        await using var client = await gate.ConnectAsync();
        async Task<RawAnswer> CallAsync(string authority, string? host)
        {
            var head = RawHttp2.CallHeaders(Describe, gate.Issuer.Token("root"));
            head[head.FindIndex(header => header.Name == ":authority")] = (":authority", authority);
            if (host is not null)
            {
                head.Add(("host", host));
            }

            return await client.CallAsync(head, GrpcFrame.Of(Requests.Describe()));
        }

        Assert.Equal(0, (await CallAsync("a.test", null)).Status);
        Assert.Equal(0, (await CallAsync("b.test", null)).Status);
        Assert.Equal((1, 1), (gate.Engine.Calls.Count, other.Calls.Count));

        // Two names for one place: the authority counts, or nothing does; never the other header.
        await CallAsync("a.test", "b.test");
        Assert.Single(other.Calls);
        await CallAsync("b.test", "a.test");
        Assert.InRange(gate.Engine.Calls.Count, 1, 2);
        Assert.NotEqual(0, (await CallAsync("c.test", null)).Status);
        Assert.NotEqual(0, (await CallAsync("a.test.", null)).Status);
        Assert.NotEqual(0, (await CallAsync("x@a.test", null)).Status);
        Assert.NotEqual(0, (await CallAsync("", null)).Status);
        Assert.InRange(gate.Engine.Calls.Count, 1, 2);
        Assert.InRange(other.Calls.Count, 1, 2);
    }

    public static TheoryData<string, string> OverrideHeaders => new()
    {
        { "x-original-url", Describe }, { "x-rewrite-url", Describe }, { "x-http-method-override", "GET" }, { "x-http-method", "GET" }, { "x-method-override", "GET" },
        { "x-forwarded-uri", Describe }, { "x-forwarded-prefix", "/pub" }, { "x-forwarded-method", "GET" }, { "x-forwarded-path", Describe },
        { "x-original-method", "GET" }, { "x-envoy-original-path", Describe }, { "x-envoy-original-method", "GET" }, { "x-accel-redirect", Describe },
        { "x-request-uri", Describe }, { "grpc-method", "DescribeWorkflowExecution" },
    };

    [Theory]
    [MemberData(nameof(OverrideHeaders))]
    public async Task P11_HeaderThatNamesAnotherPath_ChangesNothing(string name, string value)
    {
        var watch = new Watch(Gate);
        var answer = await Gate.Client.CallAsync(
            Terminate, Requests.Terminate(), Gate.Issuer.Token("bob", "viewers"), TestContext.Current.CancellationToken, (name, value));
        Assert.Equal(GrpcCode.PermissionDenied, answer.Status);
        var record = await watch.RefusedAsync(answer.Message, "not-allowed", GrpcCode.PermissionDenied);
        Assert.Contains("TerminateWorkflowExecution", record["operation"]);
    }

    [Theory]
    [InlineData("application/grpc-web")]
    [InlineData("application/grpc-web+proto")]
    [InlineData("application/grpc-web-text")]
    [InlineData("application/json")]
    [InlineData("application/grpc+json")]
    [InlineData("application/grpcx")]
    [InlineData("text/plain; application/grpc")]
    [InlineData("")]
    [InlineData(null)]
    public async Task P13_ContentTypeOfATwin_IsRefused(string? contentType)
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var head = RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"));
        head.RemoveAll(header => header.Name == "content-type");
        if (contentType is not null)
        {
            head.Add(("content-type", contentType));
        }

        var answer = await client.CallAsync(head, GrpcFrame.Of(Requests.Describe()));
        Assert.NotEqual(0, answer.Status);
        watch.EngineSawNothing();
        // Who doesn't speak gRPC is answered in HTTP's words.
        await watch.RecordAsync(answer.Status is null ? JsonDocument.Parse(answer.Body).RootElement.GetProperty("message").GetString()! : answer.Message);
    }

    [Fact]
    public async Task P13_TwoContentTypes_AreRefused()
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(
            RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"), ("content-type", "application/grpc-web")), GrpcFrame.Of(Requests.Describe()));
        Assert.NotEqual(0, answer.Status);
        watch.EngineSawNothing();
    }

    [Theory]
    [InlineData("application/grpc")]
    [InlineData("application/grpc+proto")]
    public async Task P13_ContentTypeOfGrpcItself_IsServed(string contentType)
    {
        await using var client = await Gate.ConnectAsync();
        var head = RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"));
        head[head.FindIndex(header => header.Name == "content-type")] = ("content-type", contentType);
        Assert.Equal(0, (await client.CallAsync(head, GrpcFrame.Of(Requests.Describe()))).Status);
    }
}
