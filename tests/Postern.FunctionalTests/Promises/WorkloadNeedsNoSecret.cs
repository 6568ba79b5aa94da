using System.Text.Json.Nodes;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>A workload calls with what its platform gives it, as the account that a rule names, and as nobody where no rule does.</summary>
public sealed class WorkloadNeedsNoSecret
{
    private const string Policy = """
        bindings:
          - { who: ["account:payroll-worker"], role: developer, where: { temporal: payments } }
        """;

    private static GateSetup Setup(TestIssuer cluster) => new()
    {
        PolicyText = Policy,
        IdentityExtra = $$"""
              accounts: enabled
              federated:
                - name: cluster
                  issuer: {{cluster.Url}}
                  audiences: [temporal.example.com]
                  rules:
                    - { claims: { sub: "system:serviceaccount:payments:*", kubernetes.io.namespace: payments }, account: payroll-worker }
            """,
    };

    private static string Token(TestIssuer cluster, string subject = "system:serviceaccount:payments:worker", Action<JsonObject>? edit = null) => cluster.Mint(
        claims =>
        {
            claims["aud"] = new JsonArray("temporal.example.com");
            claims["kubernetes.io"] = new JsonObject { ["namespace"] = "payments" };
            edit?.Invoke(claims);
        },
        subject,
        header => header.Remove("typ"));

    [Fact]
    public async Task ServiceAccountToken_IsTheAccount_AndItsTokenGoesNoFurther()
    {
        await using var cluster = await TestIssuer.StartAsync();
        await using var gate = await Gate.StartAsync(Setup(cluster));
        await using var accounts = new GateAccounts(gate);
        await accounts.AddAsync("payroll-worker");
        var token = Token(cluster);
        await Eventually.AnswersAsync(() => StartAsync(gate, token), answer => answer.Status == 0);

        var arrived = gate.Engine.Calls[^1];

        Assert.DoesNotContain(arrived.Headers, header => header.Value.Contains(token, StringComparison.Ordinal));
        var record = gate.Audit.Records().Last(line => line["caller"] == "postern/payroll-worker");
        Assert.Equal("cluster:system:serviceaccount:payments:worker", record["credential"]);
        Assert.Equal(GrpcCode.Unauthenticated, (await StartAsync(gate, Token(cluster, "system:serviceaccount:billing:worker"))).Status);
        Assert.Equal(GrpcCode.Unauthenticated, (await StartAsync(gate, Token(cluster, edit: claims => claims["kubernetes.io"]!["namespace"] = "billing"))).Status);
        Assert.Equal(GrpcCode.Unauthenticated, (await StartAsync(gate, Token(cluster, edit: claims => claims["aud"] = "https://kubernetes.default.svc"))).Status);
        Assert.Equal(GrpcCode.Unauthenticated, (await StartAsync(gate, Token(cluster, edit: claims => claims["iss"] = gate.Issuer.Url))).Status);
    }

    private static Task<GrpcResult> StartAsync(Gate gate, string token) =>
        gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken);
}
