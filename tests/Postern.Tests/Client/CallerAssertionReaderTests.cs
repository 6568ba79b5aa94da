using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Client;
using Postern.FunctionalTests.Infrastructure;
using Postern.Model;
using Postern.Tests.Tokens;
using Postern.Tokens;

namespace Postern.Tests.Client;

/// <summary>The reader beside the gate's own signer: what one writes the other takes, and nothing else.</summary>
public sealed class CallerAssertionReaderTests : IDisposable
{
    private static readonly CallerBinding Start = new() { Namespace = "payments", WorkflowId = "order-7" };

    private readonly KeyFolder _folder = new();
    private readonly SigningKeys _keys;
    private readonly KeySetHandler _gate;
    private readonly HttpClient _http;
    private readonly CallerAssertionReader _reader;

    public CallerAssertionReaderTests()
    {
        _keys = _folder.Open(SigningKeyTimes.OfAssertions);
        _gate = new KeySetHandler(() => _keys.PublicSet.ToArray());
        _http = new HttpClient(_gate);
        _reader = Reader();
    }

    public void Dispose()
    {
        _http.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Verify_TheGatesAssertion_GivesItsCaller()
    {
        var caller = await VerifyAsync(Sign(), Start);

        Assert.Equal(("okta/alice", "agent", "StartWorkflowExecution", "payments", "order-7", "call-1"), (caller.Name, caller.Kind, caller.Method, caller.Namespace, caller.WorkflowId, caller.CallId));
        Assert.Equal(["bot", "frontend"], caller.Actors);
        Assert.Equal(_folder.Time.GetUtcNow().ToUnixTimeSeconds(), caller.CalledAt.ToUnixTimeSeconds());
        Assert.False(caller.IsInherited);
    }

    [Fact]
    public async Task Verify_ThePayload_ReadsItsString()
    {
        var payload = JsonSerializer.SerializeToUtf8Bytes(Sign());

        Assert.Equal("okta/alice", (await _reader.VerifyAsync(payload, Start, TestContext.Current.CancellationToken)).Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("\"\"")]
    [InlineData("\"e30.e30.AA\"")]
    [InlineData("{\"a\":1}")]
    [InlineData("\"a.b.c.d.e\"")]
    public async Task Verify_AnyOtherPayload_ProvesNothing(string payload) =>
        await Assert.ThrowsAsync<CallerAssertionException>(async () => await _reader.VerifyAsync(Encoding.UTF8.GetBytes(payload), Start, TestContext.Current.CancellationToken));

    [Theory]
    [InlineData("payroll", "order-7", false)]
    [InlineData("payments", "order-8", false)]
    [InlineData("payments", "order-7-1", false)]
    [InlineData("payments", "order", false)]
    [InlineData("payments", "order-7", true)]
    public async Task Verify_AnotherWorkflow_ProvesNothing(string ns, string workflowId, bool proves) =>
        await ProvesAsync(proves, Sign(), new CallerBinding { Namespace = ns, WorkflowId = workflowId });

    [Fact]
    public async Task Verify_InAChild_CountsWhereTheAncestorIsGiven()
    {
        var child = new CallerBinding { Namespace = "payments", WorkflowId = "child" };
        await ProvesAsync(false, Sign(), child);
        await ProvesAsync(false, Sign(), child with { Ancestors = [new WorkflowName("payroll", "order-7")] });
        var caller = await VerifyAsync(Sign(), child with { Ancestors = [new WorkflowName("payments", "order-6"), new WorkflowName("payments", "order-7")] });

        Assert.True(caller.IsInherited);
    }

    [Theory]
    [InlineData("report-2026-11-28T00:00:00Z", true)]
    [InlineData("report", true)]
    [InlineData("reports-1", false)]
    public async Task Verify_InAScheduledWorkflow_TheIdBeginsWithTheSchedules(string workflowId, bool proves)
    {
        var token = Sign(new AssertedCall("CreateSchedule", "payments", "report", "nightly", null));
        await ProvesAsync(proves, token, new CallerBinding { Namespace = "payments", WorkflowId = workflowId, At = _folder.Time.GetUtcNow().AddDays(399) });
    }

    [Fact]
    public async Task Verify_InAStandaloneActivity_ItsIdCounts()
    {
        var token = Sign(new AssertedCall("StartActivityExecution", "payments", null, null, "charge-1"));
        await ProvesAsync(true, token, new CallerBinding { Namespace = "payments", ActivityId = "charge-1" });
        await ProvesAsync(false, token, new CallerBinding { Namespace = "payments", ActivityId = "charge-2" });
        await ProvesAsync(false, token, new CallerBinding { Namespace = "payroll", ActivityId = "charge-1" });
        await ProvesAsync(false, token, new CallerBinding { Namespace = "payments", WorkflowId = "w", ActivityId = "charge-1" });
        await ProvesAsync(false, token, new CallerBinding { Namespace = "payments" });
    }

    // Who started a workflow stays the same for as long as it runs.
    [Theory]
    [InlineData(0, true)]
    [InlineData(3600, true)]
    [InlineData(3660, true)]
    [InlineData(3662, false)]
    [InlineData(-59, true)]
    [InlineData(-61, false)]
    public async Task Verify_Times_CountAtTheCallAndNotNow(int secondsAfterTheCall, bool proves)
    {
        var token = Sign();
        var at = DateTimeOffset.FromUnixTimeSeconds(_folder.Time.GetUtcNow().ToUnixTimeSeconds()).AddSeconds(secondsAfterTheCall);
        _folder.Time.Advance(TimeSpan.FromDays(30));
        await ProvesAsync(proves, token, Start with { At = at });
        await ProvesAsync(false, token, Start);
    }

    [Theory]
    [InlineData("postern/main", true)]
    [InlineData("postern/other", false)]
    public async Task Verify_Issuer_CountsWhereItIsConfigured(string issuer, bool proves)
    {
        var reader = Reader(new CallerAssertionOptions { KeySet = KeySetHandler.Address, Issuer = issuer });
        var verify = async () => await reader.VerifyAsync(Sign(), Start, TestContext.Current.CancellationToken);
        if (proves)
        {
            Assert.Equal("okta/alice", (await verify()).Name);
        }
        else
        {
            await Assert.ThrowsAsync<CallerAssertionException>(verify);
        }
    }

    public static TheoryData<string> Changes => ["typ", "no typ", "alg", "none", "kid", "no kid", "foreign key", "aud", "no aud", "no exp", "no iat", "no sub", "no namespace", "jwk"];

    /// <summary>A token that only the one change makes worthless: without it, it proves its caller.</summary>
    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Verify_ATokenWithOneChange_ProvesNothing(string change)
    {
        var (own, foreign) = (TestKey.Es256("k"), TestKey.Es256("k"));
        _gate.Answer = () => Encoding.UTF8.GetBytes(new JsonObject { ["keys"] = new JsonArray(own.Public()) }.ToJsonString());
        var now = _folder.Time.GetUtcNow().ToUnixTimeSeconds();
        JsonObject Head() => new() { ["alg"] = "ES256", ["typ"] = "postern-caller+jwt", ["kid"] = "k" };
        JsonObject Claims() => new()
        {
            ["iss"] = "postern/main", ["aud"] = "postern-caller", ["sub"] = "okta/alice", ["kind"] = "human", ["method"] = "StartWorkflowExecution", ["namespace"] = "payments",
            ["workflow_id"] = "order-7", ["iat"] = now, ["exp"] = now + 60, ["jti"] = "call-1",
        };
        await ProvesAsync(true, own.Sign(Head(), Claims()), Start);

        var (head, claims, key) = (Head(), Claims(), own);
        switch (change)
        {
            case "typ": head["typ"] = "JWT"; break;
            case "no typ": head.Remove("typ"); break;
            case "alg": head["alg"] = "HS256"; key = TestKey.Hs256("k", Encoding.UTF8.GetBytes(own.Public().ToJsonString())); break;
            case "none": head["alg"] = "none"; key = TestKey.None("k"); break;
            case "kid": head["kid"] = "other"; break;
            case "no kid": head.Remove("kid"); break;
            case "foreign key": key = foreign; break;
            case "aud": claims["aud"] = "postern"; break;
            case "jwk": head["jwk"] = foreign.Public(); key = foreign; break;
            default: claims.Remove(change["no ".Length..]); break;
        }

        await ProvesAsync(false, key.Sign(head, claims), Start);
    }

    [Fact]
    public async Task Verify_WithoutKeys_CantBeToldAndIsTriedAgainLater()
    {
        _gate.Answer = () => throw new HttpRequestException("refused");
        await Assert.ThrowsAsync<CallerKeysUnavailableException>(() => VerifyAsync(Sign(), Start));
        _gate.Answer = () => "{}"u8.ToArray();
        _folder.Time.Advance(TimeSpan.FromSeconds(10));
        await Assert.ThrowsAsync<CallerKeysUnavailableException>(() => VerifyAsync(Sign(), Start));
        _gate.Answer = () => _keys.PublicSet.ToArray();
        _folder.Time.Advance(TimeSpan.FromSeconds(10));
        await ProvesAsync(true, Sign(), Start);
    }

    [Fact]
    public async Task Verify_KnownKeys_OutliveTheGatesAbsence()
    {
        await ProvesAsync(true, Sign(), Start);
        _gate.Answer = () => throw new HttpRequestException("refused");
        await ProvesAsync(true, Sign(), Start);
        Assert.Equal(1, _gate.Requests);
    }

    [Fact]
    public async Task Verify_MadeUpKeyIds_FetchOnceInAWhile()
    {
        for (var i = 0; i < 20; i++)
        {
            var token = TestKey.Es256("made-up-" + i).Sign(new JsonObject { ["alg"] = "ES256", ["typ"] = "postern-caller+jwt", ["kid"] = "made-up-" + i }, []);
            await ProvesAsync(false, token, Start);
        }

        Assert.Equal(1, _gate.Requests);
    }

    private CallerAssertionReader Reader(CallerAssertionOptions? options = null) => new(_http, options ?? new CallerAssertionOptions { KeySet = KeySetHandler.Address }, _folder.Time);

    private string Sign() => Sign(new AssertedCall("StartWorkflowExecution", "payments", "order-7", null, null));

    private string Sign(AssertedCall call) => System.Text.Encoding.ASCII.GetString(new CallerAssertions(_keys, "main", TimeSpan.FromHours(1)).Sign(
        new Caller { Kind = CallerKind.Agent, Issuer = "okta", Subject = "alice", Name = "okta/alice", DisplayName = "alice", Actors = ["bot", "frontend"] }, call, "call-1", _folder.Time.GetUtcNow()));

    private Task<VerifiedCaller> VerifyAsync(string token, CallerBinding binding) => _reader.VerifyAsync(token, binding, TestContext.Current.CancellationToken).AsTask();

    private async Task ProvesAsync(bool proves, string token, CallerBinding binding)
    {
        if (proves)
        {
            Assert.StartsWith("okta/", (await VerifyAsync(token, binding)).Name, StringComparison.Ordinal);
        }
        else
        {
            await Assert.ThrowsAsync<CallerAssertionException>(() => VerifyAsync(token, binding));
        }
    }

    private sealed class KeySetHandler(Func<byte[]> answer) : HttpMessageHandler
    {
        public static readonly Uri Address = new("http://postern/caller");

        public Func<byte[]> Answer { get; set; } = answer;

        public int Requests { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Requests++;
            Assert.Equal(Address, request.RequestUri);
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(Answer()) });
        }
    }
}
