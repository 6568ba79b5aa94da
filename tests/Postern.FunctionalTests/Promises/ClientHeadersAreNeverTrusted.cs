using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>Nothing that a client writes into a header, but its one credential, decides anything or passes for ours.</summary>
public sealed class ClientHeadersAreNeverTrusted(GateFixture fixture) : IClassFixture<GateFixture>
{
    private Gate Gate => fixture.Gate;

    public static TheoryData<string, string> Claims => new()
    {
        { "temporal-namespace", "payments" }, { "temporal-principal-name", "root" }, { "temporal-principal-type", "jwt" }, { "caller-type", "operator" },
        { "caller-name", "root" }, { "call-initiation", "StartWorkflowExecution" }, { "authorization-extras", "root" }, { "x-forwarded-user", "root" },
        { "x-forwarded-email", "root@example.com" }, { "x-forwarded-groups", "payments" }, { "x-remote-user", "root" }, { "x-auth-request-user", "root" },
        { "remote-user", "root" }, { "x-forwarded-client-cert", "Subject=\"CN=root\"" }, { "x-client-cert", "root" }, { "x-forwarded-for", "127.0.0.1" },
        { "xdc-redirection", "false" }, { "grpc-metadata-authorization", "Bearer root" }, { "postern-caller", "test/root" }, { "x-postern-caller", "test/root" },
        { "x-postern-policy", "allow" }, { "temporal-resource-id", "workflow:w-1" }, { "user-agent", "kube-probe/1.30" }, { "client-name", "temporal-server" },
    };

    [Theory]
    [MemberData(nameof(Claims))]
    public async Task HeaderThatClaimsARight_GivesNone(string name, string value)
    {
        var watch = new Watch(Gate);
        var answer = await Gate.Client.CallAsync(
            "StartWorkflowExecution", Requests.Start(), Gate.Issuer.Token("nobody"), TestContext.Current.CancellationToken, (name, value));
        Assert.Equal(GrpcCode.PermissionDenied, answer.Status);
        var record = await watch.RefusedAsync(answer.Message, "not-allowed", GrpcCode.PermissionDenied);
        Assert.Equal("test/nobody", record["caller"]);
    }

    [Theory]
    [MemberData(nameof(Claims))]
    public async Task HeaderThatClaimsIdentity_GivesNone(string name, string value)
    {
        var watch = new Watch(Gate);
        var answer = await Gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), null, TestContext.Current.CancellationToken, (name, value));
        Assert.Equal(GrpcCode.Unauthenticated, answer.Status);
        await watch.RefusedAsync(answer.Message, "unauthenticated", GrpcCode.Unauthenticated);
    }

    [Fact]
    public async Task IdentityInTheMessage_IsOverwrittenByTheVerifiedOne()
    {
        var before = Gate.Engine.Calls.Count;
        var message = Temporalio.Api.WorkflowService.V1.StartWorkflowExecutionRequest.Parser.ParseFrom(Requests.Start());
        message.Identity = "root";
        var answer = await Gate.Client.CallAsync(
            "StartWorkflowExecution", Google.Protobuf.MessageExtensions.ToByteArray(message), Gate.Issuer.Token("alice", "payments"), TestContext.Current.CancellationToken);
        Assert.Equal(0, answer.Status);
        var arrived = Temporalio.Api.WorkflowService.V1.StartWorkflowExecutionRequest.Parser.ParseFrom(Gate.Engine.Calls.Skip(before).Single().Message);
        Assert.StartsWith("alice", arrived.Identity);
        Assert.NotEqual("root", arrived.Identity);
    }

    [Fact]
    public async Task WhatTheEngineGets_IsOneCredentialOfOursForTheLeastThatTheCallNeeds()
    {
        var before = Gate.Engine.Calls.Count;
        var token = Gate.Issuer.Token("alice", "payments");
        await Gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken);
        await Gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), token, TestContext.Current.CancellationToken);
        var calls = Gate.Engine.Calls.Skip(before).ToList();
        var tokens = calls.ConvertAll(call => new UpstreamToken(call));
        Assert.Equal(["payments:write"], tokens[0].Permissions);
        Assert.Equal(["payments:read"], tokens[1].Permissions);
        using var http = new HttpClient();
        var keySet = System.Text.Json.JsonDocument.Parse(await http.GetStringAsync(new Uri($"http://{Gate.KeysAddress}/engine"), TestContext.Current.CancellationToken)).RootElement;
        foreach (var presented in tokens)
        {
            Assert.Equal("test/alice", presented.Subject);
            Assert.Equal("temporal-test", presented.Claims.GetProperty("aud").ToString());
            Assert.False(presented.Claims.TryGetProperty("iat", out _));
            Assert.False(presented.Claims.TryGetProperty("nbf", out _));
            Assert.True(presented.Claims.GetProperty("exp").GetInt64() > TimeProvider.System.GetUtcNow().AddMinutes(1).ToUnixTimeSeconds());
            Assert.True(presented.IsSignedBy(keySet));
        }
    }
}
