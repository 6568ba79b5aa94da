using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>
/// W: what Temporal's calls mean. Each case has its twin that is allowed. Names inside messages: EveryPlaceOfTheApiIsJudged; commands (W6): CommandsAreJudgedToo; callbacks (W11):
/// CallbacksLeadNowhereElse; pages of lists (W9): NamespacesShowOnlyWhatMayBeSeen; queries (W9): ListsShowOnlyWhatMayBeSeen.
/// </summary>
public sealed class TemporalCases : IAsyncLifetime
{
    private const string Policy = """
        roles:
          links: { extends: admin, with: [cluster.remote] }
        bindings:
          - { who: ["user:alice"], role: developer, where: { temporal: payments, workflowType: "Refund*", taskQueue: "payments-*" } }
          - { who: ["user:exact"], role: runner, where: { temporal: payments, workflowType: Refund, taskQueue: payments } }
          - { who: ["user:worker"], role: worker, where: { temporal: payments, taskQueue: "payments-*" } }
          - { who: ["user:admin"], role: namespace-admin, where: { temporal: "*" } }
          - { who: ["user:root"], role: links, where: { temporal: "*" } }
          - { who: ["user:root"], role: links, scope: cluster }
        """;

    private Gate _gate = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _gate = await Gate.StartAsync(new GateSetup { PolicyText = Policy });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    public static TheoryData<string> TaskAnswers => [.. ApiPlace.All.Values.Where(place => place.Role == TemporalRole.TaskToken).Select(place => place.Name)];

    /// <summary>W3: old SDKs leave the namespace out; it is the one of the task, and never everybody's.</summary>
    [Theory]
    [MemberData(nameof(TaskAnswers))]
    public async Task W3_AnswerWithoutANamespace_IsOfItsTasksNamespace(string name)
    {
        var place = ApiPlace.All[name];
        foreach (var (ns, queue, status) in new[]
                 {
                     ("payments", "payments-1", 0), ("payments", "payroll", GrpcCode.PermissionDenied), ("payroll", "payments-1", GrpcCode.PermissionDenied),
                 })
        {
            var token = _gate.SealedToken(place.Method.AnswersTo, ns, queue);
            Assert.Equal((ns, queue, status), (ns, queue, await AskAsync(place.Method.Path, WrittenMessage.Of(place.Method.Request, (place.Path.Path, token)), "worker")));
        }

        Assert.Equal(GrpcCode.InvalidArgument, await AskAsync(place.Method.Path, [], "worker"));
        Assert.Single(_gate.Engine.Calls);
    }

    /// <summary>W4: the message's namespace counts, whatever the metadata says.</summary>
    [Theory]
    [InlineData("payments", "payroll", 0)]
    [InlineData("payroll", "payments", GrpcCode.PermissionDenied)]
    [InlineData("", "payments", GrpcCode.InvalidArgument)]
    public async Task W4_NamespaceInTheMetadata_IsNobodys(string body, string metadata, int status)
    {
        foreach (var header in new[] { "temporal-namespace", "Temporal-Namespace", "x-temporal-namespace", "namespace" })
        {
            Assert.Equal(status, await AskAsync("StartWorkflowExecution", Requests.Start(body, "Refund", "payments-1"), "alice", (header, metadata)));
        }

        Assert.All(_gate.Engine.Calls, call => Assert.Equal("payments", StartWorkflowExecutionRequest.Parser.ParseFrom(call.Message).Namespace));
    }

    /// <summary>W8: a name is what is written, whole: no prefix, no other case, no other writing of the same letters.</summary>
    [Theory]
    [InlineData("exact", "Refund", "payments", 0)]
    [InlineData("exact", "Refunds", "payments", GrpcCode.PermissionDenied)]
    [InlineData("exact", "Refun", "payments", GrpcCode.PermissionDenied)]
    [InlineData("exact", "refund", "payments", GrpcCode.PermissionDenied)]
    [InlineData("exact", "Refund ", "payments", GrpcCode.PermissionDenied)]
    [InlineData("exact", "Refund\0", "payments", GrpcCode.PermissionDenied)]
    [InlineData("exact", "Refund\n", "payments", GrpcCode.PermissionDenied)]
    [InlineData("exact", "Rеfund", "payments", GrpcCode.PermissionDenied)] // a Cyrillic letter
    [InlineData("exact", "Ｒefund", "payments", GrpcCode.PermissionDenied)] // a wide one
    [InlineData("exact", "", "payments", GrpcCode.PermissionDenied)]
    [InlineData("exact", "Refund", "payments-1", GrpcCode.PermissionDenied)]
    [InlineData("exact", "Refund", "/_sys/payments/1", GrpcCode.PermissionDenied)]
    [InlineData("exact", "Refund", "", GrpcCode.PermissionDenied)]
    [InlineData("alice", "RefundLater", "payments-1", 0)]
    [InlineData("alice", "XRefund", "payments-1", GrpcCode.PermissionDenied)]
    [InlineData("alice", "Refund", "payments", GrpcCode.PermissionDenied)]
    [InlineData("alice", "Refund", "xpayments-1", GrpcCode.PermissionDenied)]
    [InlineData("alice", "Refund", "temporal-sys-payments-1", GrpcCode.PermissionDenied)]
    public async Task W8_TypeOrQueue_IsAllowedAsAWholeOnly(string caller, string type, string queue, int status)
    {
        Assert.Equal(status, await AskAsync("StartWorkflowExecution", Requests.Start("payments", type, queue), caller));
        Assert.Equal(status == 0 ? 1 : 0, _gate.Engine.Calls.Count);
    }

    /// <summary>W10, W11, W13: doors that the engine has besides, and the gate doesn't lead to.</summary>
    [Theory]
    [InlineData("/api/v1/namespaces/payments/workflows")]
    [InlineData("/api/v1/namespaces/payments/workflows/w-1/signal/go")]
    [InlineData("/api/v1/nexus/endpoints")]
    [InlineData("/namespaces/payments/workflows/w-1")]
    [InlineData("/nexus/endpoints/e/services/s/o")]
    [InlineData("/namespaces/payments/task-queues/payments-1/nexus-services/s/o")]
    [InlineData("/namespaces/payments/nexus/callback")]
    [InlineData("/nexus/callback")]
    [InlineData("/temporal.server.api.adminservice.v1.AdminService/StreamWorkflowReplicationMessages")]
    [InlineData("/temporal.server.api.adminservice.v1.AdminService/AddOrUpdateRemoteCluster")]
    [InlineData("/temporal.server.api.adminservice.v1.AdminService/GetWorkflowExecutionRawHistoryV2")]
    public async Task W10_W11_W13_OtherDoorsOfTheEngine_AreClosedToEverybody(string path)
    {
        Assert.Equal(GrpcCode.Unimplemented, await AskAsync(path, Requests.Describe(), "root"));
        Assert.Empty(_gate.Engine.Calls);
    }

    /// <summary>W13: another cluster may read and write everything: no admin has that right, it is granted by its name.</summary>
    [Theory]
    [InlineData("root", 0)]
    [InlineData("admin", GrpcCode.PermissionDenied)]
    [InlineData("alice", GrpcCode.PermissionDenied)]
    public async Task W13_RemoteClusters_NeedTheRightByName(string caller, int status)
    {
        var add = new Temporalio.Api.OperatorService.V1.AddOrUpdateRemoteClusterRequest { FrontendAddress = "other:7233", EnableRemoteClusterConnection = true };
        Assert.Equal(status, await AskAsync(GrpcClient.OperatorService + "AddOrUpdateRemoteCluster", add.ToByteArray(), caller));
        Assert.Equal(status, await AskAsync(GrpcClient.OperatorService + "RemoveRemoteCluster", Requests.Field(1, "other"), caller));
        Assert.Equal(status == 0 ? 2 : 0, _gate.Engine.Calls.Count);
    }

    private async Task<int> AskAsync(string method, byte[] message, string caller, params (string, string)[] headers) =>
        (await _gate.Client.CallAsync(method, message, _gate.Issuer.Token(caller), Cancellation, [("grpc-timeout", "20S"), .. headers])).Status;
}
