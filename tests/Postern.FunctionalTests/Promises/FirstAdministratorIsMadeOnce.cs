using System.Text.Json;
using Postern.Commands;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>The one-time token of <c>postern init</c> makes one administrator, once, and what he may stands in the policy alone.</summary>
public sealed class FirstAdministratorIsMadeOnce
{
    private static readonly GateSetup Setup = new() { IdentityExtra = GateAccounts.Configuration };

    [Fact]
    public async Task Token_IsGoodOnce_AndItsAdministratorMayWhatThePolicySays()
    {
        await using var gate = await Gate.StartAsync(Setup);
        var (exit, token, words) = await InitAsync(gate);
        Assert.Equal((ExitCodes.Ok, true), (exit, token.StartsWith("pbt_", StringComparison.Ordinal)));
        Assert.Contains("/v1/bootstrap", words, StringComparison.Ordinal);
        using var holder = new ManagementApiClient(gate, token);

        // Of many who send it at once one gets it.
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => holder.PostAsync("/v1/bootstrap", $$"""{"name":"admin{{i}}"}""")));
        var made = Assert.Single(answers, answer => answer.Status == 201);
        Assert.All(answers.Where(answer => answer != made), answer => answer.IsProblem(401, "unauthenticated"));
        (await holder.PostAsync("/v1/bootstrap", """{"name":"again"}""")).IsProblem(401, "unauthenticated");
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        Assert.Single((await root.GetAsync("/v1/accounts")).Json.GetProperty("items").EnumerateArray());

        using var admin = new ManagementApiClient(gate, made.Json.GetProperty("key").GetProperty("text").GetString());
        (await admin.GetAsync("/v1/accounts")).IsProblem(403, "not-allowed");
        await gate.SetPolicyAsync(GateSetup.Policy + "\n  " + made["binding"] + "\n");
        (await admin.GetAsync("/v1/accounts")).Is(200);
        (await admin.GetAsync("/v1/whoami")).Is(200);

        Assert.Equal(ExitCodes.Conflict, (await InitAsync(gate)).Exit);
        Assert.Equal(ExitCodes.Ok, (await InitAsync(gate, "--new-token")).Exit);
    }

    [Fact]
    public async Task Token_MayMakeALocalUserInstead_AndWrongWordsDontUseItUp()
    {
        await using var gate = await Gate.StartAsync(Setup);
        var (_, token, _) = await InitAsync(gate);
        using var holder = new ManagementApiClient(gate, token);
        (await holder.PostAsync("/v1/bootstrap", """{"name":"Alice"}""")).IsProblem(400, "invalid");
        (await holder.PostAsync("/v1/bootstrap", """{"name":"alice","password":"short"}""")).IsProblem(400, "invalid");
        var made = (await holder.PostAsync("/v1/bootstrap", """{"name":"alice","password":"correct horse battery staple"}""")).Is(201);
        Assert.Contains("user:postern/alice", made["binding"], StringComparison.Ordinal);
        using var alice = new ManagementApiClient(gate, made.Json.GetProperty("key").GetProperty("text").GetString());
        Assert.Equal("postern/alice", (await alice.GetAsync("/v1/whoami")).Is(200)["caller"]);
        Assert.DoesNotContain("horse", made.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("pbt_")]
    [InlineData("pbt_0000000000000000_0000000000000000000000000000000000000000000000000")]
    [InlineData("cut")]
    [InlineData("other")]
    public async Task TokenThatIsNone_IsRefused(string? token)
    {
        await using var gate = await Gate.StartAsync(Setup);
        var (_, real, _) = await InitAsync(gate);
        using var holder = new ManagementApiClient(gate, token switch
        {
            "cut" => real[..^1],
            "other" => Postern.Identity.ApiKeys.ApiKeyText.Create("pbt_").Text,
            _ => token,
        });
        var answer = (await holder.PostAsync("/v1/bootstrap", "{}")).IsProblem(401, "unauthenticated");
        Assert.Equal("Bearer", answer.Headers["WWW-Authenticate"]);
        // It opens nothing else either.
        using var elsewhere = new ManagementApiClient(gate, real);
        (await elsewhere.GetAsync("/v1/accounts")).IsProblem(401, "unauthenticated");
    }

    [Fact]
    public async Task Guesses_AreBounded()
    {
        await using var gate = await Gate.StartAsync(Setup);
        ApiAnswer answer;
        var guesses = 0;
        do
        {
            using var holder = new ManagementApiClient(gate, Postern.Identity.ApiKeys.ApiKeyText.Create("pbt_").Text);
            answer = await holder.PostAsync("/v1/bootstrap", "{}");
        }
        while (answer.Status == 401 && ++guesses < 5000);

        answer.IsProblem(429, "limited");
        Assert.True(answer.Headers.ContainsKey("Retry-After"));
    }

    private static async Task<(int Exit, string Output, string Error)> InitAsync(Gate gate, params string[] more)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exit = await CommandLine.RunAsync(["init", "--config", gate.ConfigFile, .. more], output, error, TestContext.Current.CancellationToken);
        return (exit, output.ToString().Trim(), error.ToString());
    }
}
