using System.Text.Json.Nodes;
using Google.Protobuf;
using Postern.Dev.Engine;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Common.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>The engine's authorizer against what was measured on the stock server's default one.</summary>
public sealed class AuthorizationTests
{
    private const string GreedyRegex = "^(?P<namespace>.*):(?P<role>[A-Za-z]+)$";

    [Theory]
    [InlineData("payments:read", 0, 7, 7)]
    [InlineData("payments:write", 0, 0, 7)]
    [InlineData("payments:admin", 0, 0, 0)]
    [InlineData("payments:worker", 7, 7, 7)]
    [InlineData("payments:WRITE", 0, 0, 7)]
    [InlineData("Payments:write", 7, 7, 7)]
    [InlineData("payroll:admin", 7, 7, 7)]
    [InlineData("*:admin", 7, 7, 7)]
    [InlineData("payments", 7, 7, 7)]
    [InlineData("temporal-system:read", 0, 7, 7)]
    [InlineData("temporal-system:admin", 0, 0, 0)]
    public async Task Permission_OfOneKind_OpensItsLevelsOnly(string permission, int read, int write, int admin)
    {
        await using var setup = await Setup.StartAsync();
        var token = setup.Token(permission);

        Assert.Equal(read, (await setup.CallAsync("CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payments" }, token)).Status);
        Assert.Equal(write, (await setup.CallAsync("StartWorkflowExecution", Setup.Start("payments", "w"), token)).Status);
        Assert.Equal(admin, (await setup.CallAsync("UpdateNamespace", new UpdateNamespaceRequest { Namespace = "payments" }, token)).Status);
    }

    [Theory]
    [InlineData("payments:admin", 7)]
    [InlineData("temporal-system:read", 0)]
    public async Task ListNamespaces_NeedsTheSystemRole(string permission, int status)
    {
        await using var setup = await Setup.StartAsync();

        Assert.Equal(status, (await setup.CallAsync("ListNamespaces", new ListNamespacesRequest(), setup.Token(permission))).Status);
    }

    [Fact]
    public async Task Refusal_IsTheServersOwn()
    {
        await using var setup = await Setup.StartAsync();
        var result = await setup.CallAsync("CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payments" }, token: null);

        Assert.Equal((7, "Request unauthorized."), (result.Status, result.Message));
        var details = Convert.FromBase64String(result.Details!.PadRight((result.Details.Length + 3) / 4 * 4, '='));
        Assert.Contains(PermissionDeniedFailure.Descriptor.FullName, System.Text.Encoding.Latin1.GetString(details), StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenMethods_AnswerWithoutAToken()
    {
        await using var setup = await Setup.StartAsync();

        Assert.Equal(0, (await setup.CallAsync("GetSystemInfo", new GetSystemInfoRequest(), null)).Status);
        Assert.Equal(0, (await setup.Client.AskAsync("/grpc.health.v1.Health/Check")).Status);
        Assert.Equal(7, (await setup.Client.AskAsync("/grpc.health.v1.Health/List")).Status);
        Assert.Equal(2, (await setup.Client.AskAsync("/grpc.health.v1.Health/Watch")).Status);
    }

    [Theory]
    [InlineData("exp", -1, 7)]
    [InlineData("exp", 60, 0)]
    [InlineData("iat", 5, 7)]
    [InlineData("iat", -60, 0)]
    [InlineData("nbf", 5, 7)]
    [InlineData("nbf", -60, 0)]
    public async Task Times_HaveNoLeeway(string claim, int seconds, int status)
    {
        await using var setup = await Setup.StartAsync();
        var token = setup.Token("payments:read", claims => claims[claim] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + seconds);

        Assert.Equal(status, await setup.ReadAsync(token));
    }

    [Fact]
    public async Task Tokens_ThatTheClaimMapperRefuses_AreRefused()
    {
        await using var setup = await Setup.StartAsync(options => options with { Audience = "cluster" });
        string Token(Action<JsonObject>? claims = null, Action<JsonObject>? header = null, TestKey? key = null) => setup.Issuer.Mint(
            c =>
            {
                Setup.Bare(c, "payments:read");
                c["aud"] = "cluster";
                claims?.Invoke(c);
            },
            header: header, key: key);

        Assert.Equal(0, await setup.ReadAsync(Token()));
        Assert.Equal(0, await setup.ReadAsync(Token(c => c["aud"] = new JsonArray("other", "cluster"))));
        Assert.Equal(0, await setup.ReadAsync(Token(c => c["permissions"] = new JsonArray(7, "no colon", "payments:read"))));
        Assert.Equal(7, await setup.ReadAsync(Token(c => c["aud"] = "other")));
        Assert.Equal(7, await setup.ReadAsync(Token(c => c.Remove("aud"))));
        Assert.Equal(7, await setup.ReadAsync(Token(c => c.Remove("sub"))));
        Assert.Equal(7, await setup.ReadAsync(Token(c => c["sub"] = 7)));
        Assert.Equal(7, await setup.ReadAsync(Token(c => c["iat"] = null)));
        Assert.Equal(7, await setup.ReadAsync(Token(c => c["permissions"] = "payments:read")));
        Assert.Equal(7, await setup.ReadAsync(Token(header: h => h.Remove("kid"))));
        Assert.Equal(7, await setup.ReadAsync(Token(header: h => h["kid"] = "another")));
        Assert.Equal(7, await setup.ReadAsync(Token(key: TestKey.Es256("key-1"))));
        Assert.Equal(7, await setup.ReadAsync(Token(key: TestKey.None("key-1"))));
        Assert.Equal(7, await setup.ReadAsync(Token(key: TestKey.Hs256("key-1", [1, 2, 3]))));
    }

    [Fact]
    public async Task Algorithms_OnlyTheTwoThatTheServerKnows()
    {
        await using var setup = await Setup.StartAsync();
        foreach (var (key, status) in ((TestKey, int)[])[(TestKey.Rs256("rs"), 0), (TestKey.Rs256("rs5", "RS512"), 7), (TestKey.Rs256("ps", "PS256"), 7)])
        {
            setup.Issuer.Keys = [key];
            await setup.Engine.RefreshKeysAsync();
            Assert.Equal(status, await setup.ReadAsync(setup.Issuer.Mint(c => Setup.Bare(c, "payments:read"), key: key)));
        }
    }

    [Fact]
    public async Task FirstAuthorization_Counts()
    {
        await using var setup = await Setup.StartAsync();
        await using var client = await RawHttp2.ConnectAsync(setup.Engine.Address.ToString());
        var (good, bad) = ("Bearer " + setup.Token("payments:read"), "Bearer x");
        var body = GrpcFrame.Of(new CountWorkflowExecutionsRequest { Namespace = "payments" }.ToByteArray());
        var path = GrpcClient.WorkflowService + "CountWorkflowExecutions";

        Assert.Equal(0, (await client.CallAsync(RawHttp2.CallHeaders(path, null, ("authorization", good), ("authorization", bad)), body)).Status);
        Assert.Equal(7, (await client.CallAsync(RawHttp2.CallHeaders(path, null, ("authorization", bad), ("authorization", good)), body)).Status);
    }

    [Theory]
    [InlineData(null, "a:b:write", 7)]
    [InlineData(GreedyRegex, "a:b:write", 0)]
    [InlineData(GreedyRegex, "a:write", 7)]
    public async Task NamespaceWithAColon_NeedsTheRegex(string? regex, string permission, int status)
    {
        await using var setup = await Setup.StartAsync(options => options with { PermissionsRegex = regex }, "a:b");

        Assert.Equal(status, (await setup.CallAsync("StartWorkflowExecution", Setup.Start("a:b", "w"), setup.Token(permission))).Status);
    }

    [Theory]
    [InlineData("{\"error\":\"down\"}", 500, 7)]
    [InlineData("{\"keys\":[]}", 200, 7)]
    [InlineData("", 200, 0)]
    [InlineData("upstream connect error", 503, 0)]
    [InlineData("[1]", 200, 0)]
    public async Task KeySetAnswer_ThatIsAnyJsonObject_ReplacesTheKeys(string body, int httpStatus, int status)
    {
        await using var setup = await Setup.StartAsync();
        var token = setup.Token("payments:read");
        Assert.Equal(0, await setup.ReadAsync(token));
        setup.Issuer.KeySetAnswer = async http =>
        {
            http.Response.StatusCode = httpStatus;
            await http.Response.Body.WriteAsync(System.Text.Encoding.UTF8.GetBytes(body));
        };
        await setup.Engine.RefreshKeysAsync();

        Assert.Equal(status, await setup.ReadAsync(token));
        setup.Issuer.KeySetAnswer = null;
        await setup.Engine.RefreshKeysAsync();
        Assert.Equal(0, await setup.ReadAsync(token));
    }

    [Fact]
    public async Task KeySource_Away_KeepsTheKeys()
    {
        await using var setup = await Setup.StartAsync();
        var token = setup.Token("payments:read");
        await setup.Issuer.GoAwayAsync();
        await setup.Engine.RefreshKeysAsync();

        Assert.Equal(0, await setup.ReadAsync(token));
    }

    [Fact]
    public async Task NewKey_CountsFromTheNextFetch()
    {
        await using var setup = await Setup.StartAsync();
        setup.Issuer.Rotate();
        var token = setup.Token("payments:read");

        Assert.Equal(7, await setup.ReadAsync(token));
        await setup.Engine.RefreshKeysAsync();
        Assert.Equal(0, await setup.ReadAsync(token));
    }

    [Fact]
    public async Task UnknownNamespace_IsNotToldToThoseWhoMayNotSeeIt()
    {
        await using var setup = await Setup.StartAsync();
        var request = new CountWorkflowExecutionsRequest { Namespace = "nowhere" };

        Assert.Equal(7, (await setup.CallAsync("CountWorkflowExecutions", request, setup.Token("payments:read"))).Status);
        Assert.Equal(5, (await setup.CallAsync("CountWorkflowExecutions", request, setup.Token("nowhere:read"))).Status);
    }

    [Fact]
    public async Task History_NamesWhoCalled()
    {
        await using var setup = await Setup.StartAsync();
        var (alice, worker) = (setup.Token("payments:write", subject: "okta/alice@example.com"), setup.Token("payments:write", subject: "worker"));
        await setup.CallAsync("StartWorkflowExecution", Setup.Start("payments", "named"), alice);
        var poll = await setup.CallAsync("PollWorkflowTaskQueue", new PollWorkflowTaskQueueRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = "q" } }, worker);
        Assert.Equal(0, poll.Status);
        await setup.CallAsync(
            "TerminateWorkflowExecution", new TerminateWorkflowExecutionRequest { Namespace = "payments", WorkflowExecution = new WorkflowExecution { WorkflowId = "named" } }, alice);
        var read = await setup.CallAsync(
            "GetWorkflowExecutionHistory", new GetWorkflowExecutionHistoryRequest { Namespace = "payments", Execution = new WorkflowExecution { WorkflowId = "named" } }, alice);
        var history = GetWorkflowExecutionHistoryResponse.Parser.ParseFrom(GrpcFrame.Message(read.Body)).History;

        Assert.Equal(
            ["WorkflowExecutionStarted okta/alice@example.com", "WorkflowTaskScheduled okta/alice@example.com", "WorkflowTaskStarted worker",
                "WorkflowTaskFailed okta/alice@example.com", "WorkflowExecutionTerminated okta/alice@example.com"],
            history.Events.Select(e => $"{e.EventType} {e.Principal.Name}"));
        Assert.All(history.Events, e => Assert.Equal("jwt", e.Principal.Type));
    }

    private sealed class Setup(TestIssuer issuer, DevEngine engine) : IAsyncDisposable
    {
        public TestIssuer Issuer { get; } = issuer;

        public DevEngine Engine { get; } = engine;

        public GrpcClient Client { get; } = new(engine.Address.ToString());

        public static async Task<Setup> StartAsync(Func<DevEngineAuthorization, DevEngineAuthorization>? change = null, params string[] namespaces)
        {
            var issuer = await TestIssuer.StartAsync();
            var authorization = new DevEngineAuthorization { KeySource = new Uri(issuer.Url + "/keys"), RefreshInterval = TimeSpan.Zero };
            var engine = await EngineCalls.StartAsync(new DevEngineOptions
            {
                Namespaces = ["payments", "payroll", .. namespaces],
                Authorization = change?.Invoke(authorization) ?? authorization,
            });
            return new Setup(issuer, engine);
        }

        /// <summary>A token as the stock server wants it: no times but an end.</summary>
        public static void Bare(JsonObject claims, string permission)
        {
            claims.Remove("iat");
            claims.Remove("nbf");
            claims["permissions"] = new JsonArray(permission);
        }

        public static StartWorkflowExecutionRequest Start(string space, string id) => new()
        {
            Namespace = space,
            WorkflowId = id,
            WorkflowType = new WorkflowType { Name = "T" },
            TaskQueue = new TaskQueue { Name = "q" },
        };

        public string Token(string permission, Action<JsonObject>? claims = null, string subject = "someone") => Issuer.Mint(
            c =>
            {
                Bare(c, permission);
                claims?.Invoke(c);
            },
            subject);

        public Task<GrpcResult> CallAsync(string method, IMessage request, string? token) =>
            Client.AskAsync(method, request, token);

        public async Task<int> ReadAsync(string token) =>
            (await CallAsync("CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payments" }, token)).Status;

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await Engine.DisposeAsync();
            await Issuer.DisposeAsync();
        }
    }
}
