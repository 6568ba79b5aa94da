using Google.Protobuf;
using Postern.Dev.Engine.Runs;
using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;
using Postern.Model;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>Who gets one, for which task, by which grant.</summary>
public sealed partial class TokensHoldOnlyWhileTheirTaskDoes
{
    [Fact]
    public async Task TaskTokenThatWasNotHandedOutHere_OrIsNoActivitys_GetsNone()
    {
        var good = Token().ToByteArray();
        var changed = good.ToArray();
        changed[^1] ^= 1;
        await using var stranger = await Gate.StartAsync(new GateSetup { PolicyText = Policy });
        foreach (var token in new[]
        {
            s_task.ToBytes(), ByteString.CopyFrom(changed), ByteString.CopyFrom([.. good, 0]), ByteString.CopyFrom(good[..^1]), ByteString.Empty,
            ByteString.CopyFrom(stranger.Sealing.Seal(s_task.ToBytes().Span, new TaskFacts(TaskKind.Activity, "payments", "refunds"))!),
            Token(s_task, TaskKind.Workflow), Token(s_task, TaskKind.Nexus), Token(s_task, TaskKind.Callback),
            // Without a workflow, and what can't be read.
            Token(s_task with { WorkflowId = "" }), Token(s_task with { RunId = "" }), Token(s_task with { ActivityId = "" }), Token(s_task with { Attempt = 0 }), _gate.SealedToken(TaskKind.Activity, queue: "refunds"),
            ByteString.CopyFrom(_gate.Sealing.Seal([.. s_task.ToBytes().Span, (14 << 3) | 2, 1, 7], new TaskFacts(TaskKind.Activity, "payments", "refunds"))!),
        })
        {
            Assert.Equal("invalid_authorization_details", (await BindAsync(token)).Error);
        }

        Assert.Equal(0, Asked);
    }

    [Fact]
    public async Task WhoMayNotAnswerTheTask_GetsNone_AndMakesNobodyAsk()
    {
        var (_, blue) = await _accounts.AddKeyAsync(await _accounts.AddAsync("blue", blue => blue with { Audiences = blue.Audiences.Add(Api, []) }));
        (string, string)[] details = [("grant_type", "client_credentials"), ("authorization_details", Details(Token()))];

        foreach (var resource in new[] { "", Api })
        {
            var no = await _client.PostAsync("/oauth/token", ("blue", blue), [.. details, ("resource", resource)]);
            Assert.Equal((400, "invalid_authorization_details"), (no.Status, no.Error));
            Assert.Contains("blue may not worker.complete in namespace payments", no.Description, StringComparison.Ordinal);
        }

        Assert.Equal("invalid_client", (await _client.TokenAsync([.. details, ("client_id", "red")])).Error);
        Assert.Equal("invalid_authorization_details", (await BindAsync(Token(s_task, TaskKind.Activity, "payouts"))).Error);
        Assert.Equal("invalid_authorization_details", (await BindAsync(Token(s_task, TaskKind.Activity, "refunds", "ledger"))).Error);
        var (_, narrow) = await _accounts.AddKeyAsync(_red, key => key with { Namespaces = ["ledger"] });
        Assert.Equal("invalid_authorization_details", (await BindAsync(key: narrow)).Error);
        Assert.Equal(0, Asked);
    }

    [Fact]
    public async Task ForAnApi_ItNamesTheTask_AndOpensNothingHere()
    {
        var answer = await BindAsync(more: ("resource", Api));
        var token = new SignedToken(answer.AccessToken);

        Assert.Equal((Api, "invoices:read"), (token["aud"], token["scope"]));
        Assert.Equal("w-1", Text(token.Claims.GetProperty("authorization_details")[0], "workflow_id"));
        Assert.False(token.Claims.TryGetProperty("postern", out _));
        Assert.Equal(GrpcCode.Unauthenticated, await HeartbeatAsync(token.Text));
        Assert.Equal("invalid_target", (await BindAsync(more: ("resource", "https://elsewhere.example.com"))).Error);
        Assert.Equal("invalid_target", (await BindAsync(more: ("resource", TokenClient.Issuer + "/other"))).Error);
        Assert.Equal(TokenClient.Engine, new SignedToken((await BindAsync(more: ("resource", TokenClient.Engine))).AccessToken)["aud"]);
    }

    [Fact]
    public async Task ByExchangeToo_ButByNoGrantThatOutlivesATask()
    {
        var exchanged = await _client.ExchangeAsync(await _client.ByKeyAsync("red", _key), TokenClient.AccessToken, ("authorization_details", Details(Token())));
        Assert.Equal(0, await HeartbeatAsync(exchanged.AccessToken));
        Assert.Equal(GrpcCode.PermissionDenied, (await CallAsync("StartWorkflowExecution", StartWorkflowExecutionRequest.Parser.ParseFrom(Requests.Start()), exchanged.AccessToken)).Status);
        var vouched = await _client.ExchangeAsync(_gate.Issuer.Token("red"), TokenClient.Jwt, ("authorization_details", Details(Token())));
        Assert.Equal(0, await HeartbeatAsync(vouched.AccessToken));

        var session = await _accounts.AddSessionAsync(new Postern.OAuth.LoggedIn { Name = "postern/red", Kind = CallerKind.Service, Claims = new() { Principal = _red.Id } });
        foreach (var form in new (string, string)[][]
        {
            [("grant_type", "refresh_token"), ("refresh_token", session), ("client_id", "postern-cli")],
            [("grant_type", TokenClient.Exchange), ("subject_token", session), ("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), ("client_id", "postern-cli")],
            [("grant_type", "password")],
        })
        {
            Assert.Equal("invalid_authorization_details", (await _client.TokenAsync([.. form, ("authorization_details", Details(Token()))])).Error);
        }

        var subject = await _client.ByKeyAsync("red", _key);
        var acted = await _client.ExchangeAsync(
            subject, TokenClient.AccessToken, ("actor_token", _gate.Issuer.Token("bot")), ("actor_token_type", TokenClient.Jwt), ("authorization_details", Details(Token())));
        Assert.Equal("invalid_authorization_details", acted.Error);
    }

    [Fact]
    public async Task DetailsThatCannotBeRead_AreRefused()
    {
        string[] bad =
        [
            "{}", "[]", "7", "\"x\"", "[7]", "[{}]", "[", "null", "[{\"type\":\"payment\",\"task_token\":\"TOKEN\"}]", "[{\"type\":\"temporal_activity\"}]", "[{\"type\":\"temporal_activity\",\"task_token\":7}]",
            "[{\"type\":\"temporal_activity\",\"task_token\":\"not base64!\"}]", "[{\"type\":\"temporal_activity\",\"task_token\":\"TOKEN\",\"actions\":[\"read\"]}]",
            "[{\"type\":\"temporal_activity\",\"task_token\":\"TOKEN\",\"attempt\":\"1\"}]", "[{\"type\":\"temporal_activity\",\"task_token\":\"TOKEN\"},{\"type\":\"temporal_activity\",\"task_token\":\"TOKEN\"}]",
            "[{\"type\":\"temporal_activity\",\"task_token\":\"TOKEN\",\"task_token\":\"TOKEN\"}]", "[{\"type\":\"temporal_activity\",\"task_token\":\"TOKEN\"}],\"more\":[1]",
        ];

        foreach (var text in bad.Select(text => text.Replace("TOKEN", Encoded(Token()), StringComparison.Ordinal)))
        {
            var no = await _client.PostAsync("/oauth/token", ("red", _key), ("grant_type", "client_credentials"), ("authorization_details", text));
            Assert.Equal((text, "invalid_authorization_details"), (text, no.Error));
        }

        // What isn't given isn't asked for (RFC 6749 §3.2).
        Assert.Equal(200, (await _client.PostAsync("/oauth/token", ("red", _key), ("grant_type", "client_credentials"), ("authorization_details", ""))).Status);
    }
}
