using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Runs;
using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;
using Postern.Model;
using Temporalio.Api.Activity.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// A token that is bound to a task is had by who may answer that task, while the engine says that its attempt runs; it answers that task and opens nothing else, and
/// ends with the attempt: here, and by introspection for APIs. An engine that can't be asked is no "no".
/// </summary>
public sealed partial class TokensHoldOnlyWhileTheirTaskDoes : IAsyncLifetime
{
    private const string Api = "https://billing.example.com";
    private const string Policy = """
        bindings:
          - { who: ["account:red", "user:red"], role: worker, where: { temporal: payments, taskQueue: refunds } }
          - { who: ["account:red"], role: runner, where: { temporal: payments } }
          - { who: ["account:blue"], role: worker, where: { temporal: payments, taskQueue: payouts } }
        """;

    private static readonly TaskToken s_task = new()
    {
        NamespaceId = "0f6e7a9c-1b2d-4e5f-8a7b-6c5d4e3f2a1b", WorkflowId = "w-1", RunId = "r-1", ScheduledEventId = 5, Attempt = 2, ActivityId = "a-1", WorkflowType = "Refund", ActivityType = "charge",
    };

    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow.AddSeconds(-10);
    private Func<StubAnswer> _describe;
    private Gate _gate = null!;
    private GateAccounts _accounts = null!;
    private TokenClient _client = null!;
    private Account _red = null!;
    private ApiKey _kept = null!;
    private string _key = "";

    public TokensHoldOnlyWhileTheirTaskDoes() => _describe = () => Run();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private int Asked => _gate.Engine.Calls.Count(IsOurs);

    public async ValueTask InitializeAsync()
    {
        _gate = await Gate.StartAsync(new GateSetup
        {
            PolicyText = Policy, IdentityExtra = GateAccounts.Configuration, Extra = TokenClient.Configuration,
            Script = call => IsOurs(call) ? _describe() : StubAnswer.Ok(),
            // Of whom nobody sealed the tasks: it takes them all the same, and no token is bound to one.
            EngineExtra = """
                  acceptUnsealedTasks: true
                - { name: other, hosts: [other.test], addresses: ["127.0.0.1:1"], credential: { mint: { audience: other } } }
                """,
        });
        _accounts = new GateAccounts(_gate);
        _client = new TokenClient(_gate.GrpcAddress);
        _red = await _accounts.AddAsync("red", red => red with { Audiences = red.Audiences.Add(Api, ["invoices:read"]) });
        (_kept, _key) = await _accounts.AddKeyAsync(_red);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _accounts.DisposeAsync();
        await _gate.DisposeAsync();
    }

    [Fact]
    public async Task TokenOfARunningTask_NamesIt_AndEndsWithItsTimeOut()
    {
        var answer = await BindAsync();

        Assert.True(answer.Status == 200, answer.Text);
        // Ten of thirty seconds have passed.
        Assert.InRange(answer.Body.GetProperty("expires_in").GetInt64(), 0, 20);
        var token = new SignedToken(answer.AccessToken);
        var details = Assert.Single(token.Claims.GetProperty("authorization_details").EnumerateArray());
        Assert.Equal(
            ("temporal_activity", "main", "payments", "w-1", "r-1", "a-1", "charge", 2),
            (Text(details, "type"), Text(details, "engine"), Text(details, "namespace"), Text(details, "workflow_id"), Text(details, "run_id"), Text(details, "activity_id"), Text(details, "activity_type"),
                details.GetProperty("attempt").GetInt32()));
        Assert.Equal(token.Claims.GetProperty("authorization_details").GetRawText(), answer.Body.GetProperty("authorization_details").GetRawText());
        Assert.Equal((TokenClient.Engine, "postern/red"), (token["aud"], token.Subject));
        Assert.True(token.Claims.GetProperty("exp").GetInt64() <= _started.AddSeconds(30).ToUnixTimeSeconds());
        await Eventually.TrueAsync(() => _gate.Audit.Records().Any(record => record["operation"] == "oauth.token" && record["workflowId"] == "w-1" && record["runId"] == "r-1" && record["namespace"] == "payments"));
    }

    [Fact]
    public async Task LongTask_StillGetsAShortToken_AndTheWholeLimitOfAnActivityCounts()
    {
        _describe = () => Run(activity => activity.ActivityOptions.StartToCloseTimeout = Duration.FromTimeSpan(TimeSpan.FromHours(8)));
        Assert.InRange((await BindAsync()).Body.GetProperty("expires_in").GetInt64(), 880, 900);
        _describe = () => Run(activity => activity.ExpirationTime = Timestamp.FromDateTimeOffset(_started.AddSeconds(15)));
        Assert.InRange((await BindAsync(Token(s_task with { Attempt = 2, ActivityId = "a-1", WorkflowId = "w-2" }))).Body.GetProperty("expires_in").GetInt64(), 0, 5);
    }

    [Fact]
    public async Task AnswersItsTask_AndNothingElse()
    {
        var bound = (await BindAsync()).AccessToken;
        var task = Token();
        IMessage[] answers =
        [
            new RecordActivityTaskHeartbeatRequest { Namespace = "payments", TaskToken = task }, new RespondActivityTaskFailedRequest { Namespace = "payments", TaskToken = task },
            new RespondActivityTaskCanceledRequest { Namespace = "payments", TaskToken = task }, new RespondActivityTaskCompletedRequest { TaskToken = task },
        ];
        foreach (var answer in answers)
        {
            var result = await CallAsync(answer.Descriptor.Name[..^"Request".Length], answer, bound);
            Assert.True(result.Status == 0, result.Message);
        }

        Assert.Equal("postern/red", new UpstreamToken(_gate.Engine.Calls[^1]).Subject);
        // What every SDK asks first.
        Assert.Equal(0, (await CallAsync("GetSystemInfo", new GetSystemInfoRequest(), bound)).Status);
        var watch = new Watch(_gate, except: "DescribeWorkflowExecution");
        foreach (var other in new[]
        {
            Token(s_task with { Attempt = 1 }), Token(s_task with { Attempt = 3 }), Token(s_task with { ActivityId = "a-2" }), Token(s_task with { RunId = "r-2" }), Token(s_task with { WorkflowId = "w-2" }),
            s_task.ToBytes(), _gate.SealedToken(TaskKind.Activity, queue: "refunds"),
        })
        {
            var no = await CallAsync("RespondActivityTaskCompleted", new RespondActivityTaskCompletedRequest { Namespace = "payments", TaskToken = other }, bound);
            Assert.Equal(GrpcCode.PermissionDenied, no.Status);
            await watch.RefusedAsync(no.Message, "not-allowed", GrpcCode.PermissionDenied);
        }

        foreach (var (method, message) in new (string, byte[])[]
        {
            ("StartWorkflowExecution", Requests.Start(queue: "refunds")), ("SignalWorkflowExecution", Requests.Signal()), ("DescribeWorkflowExecution", Requests.Describe()), ("PollActivityTaskQueue", Requests.Poll(queue: "refunds")),
            ("GetClusterInfo", []), ("ListNamespaces", []),
            ("RespondActivityTaskCompletedById", new RespondActivityTaskCompletedByIdRequest { Namespace = "payments", WorkflowId = "w-1", RunId = "r-1", ActivityId = "a-1" }.ToByteArray()),
            ("RespondWorkflowTaskCompleted", new RespondWorkflowTaskCompletedRequest { Namespace = "payments", TaskToken = _gate.SealedToken(TaskKind.Workflow, queue: "refunds", token: "x") }.ToByteArray()),
        })
        {
            Assert.Equal((method, GrpcCode.PermissionDenied), (method, (await _gate.Client.CallAsync(method, message, bound, Cancellation)).Status));
        }

        watch.EngineSawNothing();
    }

    [Fact]
    public async Task OpensNothingBesideTheEngine()
    {
        var bound = (await BindAsync()).AccessToken;

        Assert.Equal("invalid_request", (await _client.ExchangeAsync(bound, TokenClient.AccessToken)).Error);
        Assert.Equal("invalid_request", (await _client.ExchangeAsync(await _client.ByKeyAsync("red", _key), TokenClient.AccessToken, ("actor_token", bound), ("actor_token_type", TokenClient.AccessToken))).Error);
        using var whoAmI = new HttpRequestMessage(HttpMethod.Get, "/oauth/whoami") { Headers = { Authorization = new("Bearer", bound) } };
        var unknown = await _client.SendAsync(whoAmI);
        Assert.Equal((401, "invalid_token"), (unknown.Status, unknown.Error));
        using var management = new ManagementApiClient(_gate, bound);
        Assert.Equal(401, (await management.GetAsync("/v1/whoami")).Status);
        // The same with a token that is bound to nothing.
        using var free = new ManagementApiClient(_gate, await _client.ByKeyAsync("red", _key));
        Assert.Equal(200, (await free.GetAsync("/v1/whoami")).Status);
    }

    public static TheoryData<string> Ends() => ["completed", "retried", "waits for its retry", "paused", "reset", "workflow closed", "workflow gone"];

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task EndsWithItsTask(string how)
    {
        var (bound, forApi) = ((await BindAsync()).AccessToken, (await BindAsync(more: ("resource", Api))).AccessToken);
        Assert.Equal(0, await HeartbeatAsync(bound));
        Assert.Equal(("true", "true"), (await IntrospectAsync(bound), await IntrospectAsync(forApi)));

        _describe = () => Ended(how);

        await Eventually.AnswersAsync(() => HeartbeatAsync(bound), status => status == GrpcCode.Unauthenticated);
        Assert.Equal(("false", "false"), (await IntrospectAsync(bound), await IntrospectAsync(forApi)));
        Assert.Equal(GrpcCode.Unauthenticated, (await CallAsync("GetSystemInfo", new GetSystemInfoRequest(), bound)).Status);
        // Whom it was bound for goes on.
        Assert.Equal(0, await HeartbeatAsync(_key));
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task TaskThatDoesNotRun_GetsNone(string how)
    {
        _describe = () => Ended(how);

        // Only what began anew is the same attempt to who asks for the first time; the engine has ended its token.
        Assert.Equal(how == "reset" ? null : "invalid_authorization_details", (await BindAsync()).Error);
    }

    [Theory]
    [InlineData(nameof(PendingActivityState.CancelRequested))]
    [InlineData(nameof(PendingActivityState.PauseRequested))]
    public async Task TaskThatIsAskedToStop_GetsNoMore_AndMayStillAnswer(string state)
    {
        var bound = (await BindAsync()).AccessToken;
        _describe = () => Run(activity => activity.State = System.Enum.Parse<PendingActivityState>(state));
        await Eventually.AnswersAsync(() => BindAsync(), answer => answer.Error == "invalid_authorization_details");

        Assert.Equal(0, (await CallAsync("RespondActivityTaskCanceled", new RespondActivityTaskCanceledRequest { Namespace = "payments", TaskToken = Token() }, bound)).Status);
        Assert.Equal("true", await IntrospectAsync(bound));
    }

    [Fact]
    public async Task EngineThatCannotBeAsked_IsCannotTell()
    {
        var bound = (await BindAsync()).AccessToken;
        foreach (var away in new[]
        {
            StubAnswer.Error(14, "history shard moved"), StubAnswer.Error(7, "no"), Run(run: "another"), Run(activity => activity.LastStartedTime = null),
        })
        {
            _describe = () => away;
            await Eventually.AnswersAsync(() => HeartbeatAsync(bound), status => status == GrpcCode.Unavailable);
            var no = await BindAsync();
            Assert.Equal((503, "temporarily_unavailable"), (no.Status, no.Error));
            Assert.NotNull(no.RetryAfter);
            Assert.Equal(503, (await IntrospectAnswerAsync(bound)).Status);
        }

        _describe = () => Run(activity => activity.ActivityOptions = null);
        await Eventually.AnswersAsync(() => HeartbeatAsync(bound), status => status == 0);
        Assert.Equal(503, (await BindAsync()).Status);
        _describe = () => Run();
        await _gate.Engine.GoAwayAsync();
        await Eventually.AnswersAsync(() => HeartbeatAsync(bound), status => status == GrpcCode.Unavailable);
        Assert.Equal(503, (await BindAsync()).Status);
        await _gate.Engine.ReturnAsync();
        await Eventually.AnswersAsync(() => HeartbeatAsync(bound), status => status == 0);
    }

    [Fact]
    public async Task ManyAtOnce_AskOnce_AndEachGetsOneOfItsOwn()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _describe = () => Run() with { Before = _ => asked.Task };
        var binding = Enumerable.Range(0, 30).Select(_ => BindAsync()).ToList();
        await Eventually.TrueAsync(() => Asked == 1);
        asked.SetResult();
        var tokens = (await Task.WhenAll(binding)).Select(answer => answer.AccessToken).ToList();

        Assert.Equal(30, tokens.Select(token => new SignedToken(token)["jti"]).Distinct().Count());
        Assert.Equal(1, Asked);
        Assert.All(await Task.WhenAll(tokens.Select(HeartbeatAsync)), status => Assert.Equal(0, status));
    }

    [Fact]
    public async Task AttemptsAtOnce_AreEachTheirOwn()
    {
        // Of the run's activities only the even ones run.
        _describe = () => Run(all: Enumerable.Range(0, 20).Select(i => Activity($"a-{i}", activity => activity.State = i % 2 == 0 ? PendingActivityState.Started : PendingActivityState.Scheduled)));
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => BindAsync(Token(s_task with { ActivityId = $"a-{i}" }))));

        for (var i = 0; i < answers.Length; i++)
        {
            Assert.Equal(i % 2 == 0 ? 200 : 400, answers[i].Status);
        }

        var first = answers[0].AccessToken;
        Assert.Equal(0, (await CallAsync("RecordActivityTaskHeartbeat", new RecordActivityTaskHeartbeatRequest { Namespace = "payments", TaskToken = Token(s_task with { ActivityId = "a-0" }) }, first)).Status);
        Assert.Equal(GrpcCode.PermissionDenied, (await CallAsync("RecordActivityTaskHeartbeat", new RecordActivityTaskHeartbeatRequest { Namespace = "payments", TaskToken = Token(s_task with { ActivityId = "a-2" }) }, first)).Status);
    }

    [Fact]
    public async Task EndsWithItsAccount_ItsKey_WhenItIsRevoked_AndWithTheRightToAnswer()
    {
        var (revoked, ofPolicy) = ((await BindAsync()).AccessToken, (await BindAsync()).AccessToken);
        await _client.PostAsync("/oauth/revoke", ("red", _key), ("token", revoked));
        Assert.Equal(GrpcCode.Unauthenticated, await HeartbeatAsync(revoked));
        Assert.Equal(0, await HeartbeatAsync(ofPolicy));

        await _gate.SetPolicyAsync(Policy.Replace("taskQueue: refunds", "taskQueue: elsewhere", StringComparison.Ordinal));
        Assert.Equal(GrpcCode.PermissionDenied, await HeartbeatAsync(ofPolicy));
        Assert.Equal("invalid_authorization_details", (await BindAsync()).Error);
        await _gate.SetPolicyAsync(Policy);
        Assert.Equal(0, await HeartbeatAsync(ofPolicy));
        await _accounts.UpdateAsync(_kept with { RevokedAt = DateTimeOffset.UtcNow });
        await Eventually.AnswersAsync(() => HeartbeatAsync(ofPolicy), status => status == GrpcCode.Unauthenticated);
    }

    [Fact]
    public async Task Discovery_NamesTheType() =>
        Assert.Equal("[\"temporal_activity\"]", (await _client.GetAsync("/.well-known/oauth-authorization-server"))["authorization_details_types_supported"]);

    private StubAnswer Ended(string how) => how switch
    {
        "completed" => Run(all: []),
        "retried" => Run(activity => activity.Attempt = 3),
        "waits for its retry" => Run(activity => (activity.State, activity.Attempt) = (PendingActivityState.Scheduled, 3)),
        "paused" => Run(activity => activity.State = PendingActivityState.Paused),
        "reset" => Run(activity => activity.LastStartedTime = Timestamp.FromDateTimeOffset(_started.AddSeconds(5))),
        "workflow closed" => Run(status: WorkflowExecutionStatus.Canceled),
        _ => StubAnswer.Error(5, "workflow not found for ID: w-1"),
    };

    private PendingActivityInfo Activity(string id, Action<PendingActivityInfo>? with = null)
    {
        var activity = new PendingActivityInfo
        {
            ActivityId = id, ActivityType = new ActivityType { Name = "charge" }, State = PendingActivityState.Started, Attempt = 2, LastStartedTime = Timestamp.FromDateTimeOffset(_started),
            ActivityOptions = new ActivityOptions { StartToCloseTimeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(30)) },
        };
        with?.Invoke(activity);
        return activity;
    }

    private StubAnswer Run(
        Action<PendingActivityInfo>? with = null, IEnumerable<PendingActivityInfo>? all = null, string run = "r-1", WorkflowExecutionStatus status = WorkflowExecutionStatus.Running) =>
        StubAnswer.Ok(new DescribeWorkflowExecutionResponse
        {
            WorkflowExecutionInfo = new WorkflowExecutionInfo { Execution = new WorkflowExecution { WorkflowId = "w-1", RunId = run }, Type = new WorkflowType { Name = "Refund" }, Status = status },
            PendingActivities = { all ?? [Activity("a-0"), Activity("a-1", with)] },
        }.ToByteArray());

    private static bool IsOurs(ArrivedCall call) => call.Operation is "DescribeWorkflowExecution" && call.Header("x-postern-call-id") is null;

    private static string? Text(JsonElement details, string name) => details.GetProperty(name).GetString();

    private static string Encoded(ByteString token) => System.Buffers.Text.Base64Url.EncodeToString(token.Span);

    private static string Details(ByteString token) => $$"""[{"type":"temporal_activity","task_token":"{{Encoded(token)}}"}]""";

    private ByteString Token(TaskToken? task = null, TaskKind kind = TaskKind.Activity, string queue = "refunds", string @namespace = "payments") =>
        ByteString.CopyFrom(_gate.Sealing.Seal((task ?? s_task).ToBytes().Span, new TaskFacts(kind, @namespace, queue))!);

    private Task<TokenAnswer> BindAsync(ByteString? task = null, string? key = null, params (string, string)[] more) =>
        _client.PostAsync("/oauth/token", ("red", key ?? _key), [("grant_type", "client_credentials"), ("authorization_details", Details(task ?? Token())), .. more]);

    private async Task<int> HeartbeatAsync(string credential) =>
        (await CallAsync("RecordActivityTaskHeartbeat", new RecordActivityTaskHeartbeatRequest { Namespace = "payments", TaskToken = Token() }, credential)).Status;

    private Task<GrpcResult> CallAsync(string method, IMessage message, string credential) => _gate.Client.CallAsync(method, message.ToByteArray(), credential, Cancellation);

    private Task<TokenAnswer> IntrospectAnswerAsync(string token) => _client.PostAsync("/oauth/introspect", ("red", _key), ("token", token));

    private async Task<string?> IntrospectAsync(string token) => (await IntrospectAnswerAsync(token))["active"];
}
