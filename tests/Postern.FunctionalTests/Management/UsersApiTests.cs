using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Management;

public sealed class UsersApiTests
{
    private static readonly GateSetup Setup = new() { IdentityExtra = GateAccounts.Configuration };

    [Fact]
    public async Task User_IsMadeShownChangedAndDeleted_AndNoAnswerHoldsThePassword()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        var made = (await root.PostAsync("/v1/users", """{"name":"alice","displayName":"Alice Example","groups":["payments"],"password":"correct horse battery staple"}""")).Is(201);
        var shown = (await root.GetAsync("/v1/users/alice")).Is(200);
        Assert.Equal(made.Text, shown.Text);
        var changed = (await root.PutAsync("/v1/users/alice", """{"displayName":"A","disabled":true}""", shown.ETag)).Is(200);
        Assert.Equal(("A", "True", "[]"), (changed["displayName"], changed["disabled"], changed["groups"]));
        (await root.PutAsync("/v1/users/alice", "{}", shown.ETag)).IsProblem(412, "changed");
        (await root.PutAsync("/v1/users/alice/password", """{"password":"another horse, another staple"}""", match: null)).IsProblem(428, "precondition-required");
        var renewed = (await root.PutAsync("/v1/users/alice/password", """{"password":"another horse, another staple"}""", changed.ETag)).Is(200);
        Assert.NotEqual(changed.ETag, renewed.ETag);
        var everything = made.Text + shown.Text + changed.Text + renewed.Text + (await root.GetAsync("/v1/users")).Is(200).Text;
        Assert.DoesNotContain("horse", everything, StringComparison.Ordinal);
        Assert.DoesNotContain("pbkdf2", everything, StringComparison.Ordinal);
        (await root.GetAsync("/v1/accounts/alice")).IsProblem(404, "not-found");
        (await root.DeleteAsync("/v1/users/alice")).Is(204);
        (await root.GetAsync("/v1/users/alice")).IsProblem(404, "not-found");
    }

    [Theory]
    [InlineData("""{"name":"alice","password":"short"}""", "password")]
    [InlineData("""{"name":"alice","password":"aaaaaaaaaaaaaaaaaaaaaaaa"}""", "password")]
    [InlineData("""{"name":"alice","password":"I am Alice the great, hear me"}""", "password")]
    [InlineData("""{"name":"Alice","password":"correct horse battery staple"}""", "name")]
    [InlineData("""{"name":"alice","groups":[""],"password":"correct horse battery staple"}""", "groups[0]")]
    [InlineData("""{"name":"alice","password":4711471147114711}""", "password")]
    public async Task UserThatIsWrong_IsRefusedWithTheMember_AndThePasswordIsNotRepeated(string body, string member)
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        var answer = (await root.PostAsync("/v1/users", body)).IsProblem(400, "invalid");
        Assert.Equal(member, answer.Json.GetProperty("errors")[0].GetProperty("member").GetString());
        Assert.DoesNotContain("4711", answer["detail"]!.Split("[call")[0], StringComparison.Ordinal);
        Assert.DoesNotContain("hear me", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UsersKey_SpeaksForHim_WithHisGroups()
    {
        await using var gate = await Gate.StartAsync(Setup with
        {
            PolicyText = GateSetup.Policy.Replace("\"group:payments\"", "\"group:test/payments\", \"group:postern/payments\"", StringComparison.Ordinal)
                .Replace("\"group:", "\"group:test/", StringComparison.Ordinal).Replace("test/test/", "test/", StringComparison.Ordinal).Replace("test/postern/", "postern/", StringComparison.Ordinal),
        });
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        (await root.PostAsync("/v1/users", """{"name":"alice","groups":["payments"],"password":"correct horse battery staple"}""")).Is(201);
        var (_, text) = await root.KeyAsync("alice");
        Assert.Equal(0, (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), text, TestContext.Current.CancellationToken)).Status);
        using var alice = new ManagementApiClient(gate, text);
        var who = (await alice.GetAsync("/v1/whoami")).Is(200);
        Assert.Equal(("postern/alice", "human", "[\"payments\"]"), (who["caller"], who["kind"], who["groups"]));
        (await alice.GetAsync("/v1/users/alice")).Is(200);
        (await root.PutAsync("/v1/users/alice", "{}")).Is(200);
        Assert.Equal(GrpcCode.PermissionDenied, (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), text, TestContext.Current.CancellationToken)).Status);
    }
}
