using System.Text;
using System.Text.Json.Nodes;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>J: tokens. Each is refused as UNAUTHENTICATED, nothing reaches the engine, and the record says so without the token.</summary>
public sealed class TokenCases(GateFixture fixture) : IClassFixture<GateFixture>
{
    private static readonly TestKey Foreign = TestKey.Es256("key-1");
    private static readonly TestKey ForeignRsa = TestKey.Rs256("rsa-foreign");
    private static long Now => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    private static readonly Dictionary<string, Func<TestIssuer, string>> Bad = new()
    {
        ["J1 alg none"] = issuer => issuer.Mint(subject: "root", key: TestKey.None("key-1")),
        ["J1 alg None"] = issuer => issuer.Mint(subject: "root", header: head => head["alg"] = "None", key: TestKey.None("key-1")),
        ["J1 alg missing"] = issuer => issuer.Mint(subject: "root", header: head => head.Remove("alg")),
        ["J1 no signature"] = issuer => Cut(issuer.Mint(subject: "root"), keepDot: true),
        ["J1 two parts"] = issuer => Cut(issuer.Mint(subject: "root"), keepDot: false),
        ["J1 signature of zeros"] = issuer => Cut(issuer.Mint(subject: "root"), keepDot: true) + new string('A', 86),
        ["J1 HS256 with the public key's JSON"] = issuer => issuer.Mint(subject: "root", key: TestKey.Hs256("key-1", Encoding.UTF8.GetBytes(issuer.Key.Public().ToJsonString()))),
        ["J1 HS256 with the key's x"] = issuer => issuer.Mint(subject: "root", key: TestKey.Hs256("key-1", Encoding.UTF8.GetBytes(issuer.Key.Public()["x"]!.GetValue<string>()))),
        ["J1 HS256 with an empty secret"] = issuer => issuer.Mint(subject: "root", key: TestKey.Hs256("key-1", [])),
        ["J1 algorithm of another family"] = issuer => issuer.Mint(subject: "root", header: head => head["alg"] = "RS256"),
        ["J1 ES384 on a P-256 key"] = issuer => issuer.Mint(subject: "root", header: head => head["alg"] = "ES384"),
        ["J1 foreign key, our kid"] = issuer => issuer.Mint(subject: "root", key: Foreign),
        ["J1 foreign RSA key, our kid"] = issuer => issuer.Mint(subject: "root", header: head => head["kid"] = "key-1", key: ForeignRsa),
        ["J1 crit"] = issuer => issuer.Mint(subject: "root", header: head => { head["crit"] = new JsonArray("exp"); head["exp"] = Now + 600; }),
        ["J1 crit, empty"] = issuer => issuer.Mint(subject: "root", header: head => head["crit"] = new JsonArray()),
        ["J1 b64 false"] = issuer => issuer.Mint(subject: "root", header: head => { head["b64"] = false; head["crit"] = new JsonArray("b64"); }),
        ["J1 key inside the token"] = issuer => issuer.Mint(subject: "root", header: head => { head.Remove("kid"); head["jwk"] = Foreign.Public(); }, key: Foreign),
        ["J1 kid path"] = issuer => issuer.Mint(subject: "root", header: head => head["kid"] = "../../../../dev/null", key: Foreign),
        ["J1 kid SQL"] = issuer => issuer.Mint(subject: "root", header: head => head["kid"] = "x' UNION SELECT 'key-1", key: Foreign),
        ["J1 kid a number"] = issuer => issuer.Mint(subject: "root", header: head => head["kid"] = 7),
        ["J1 kid very long"] = issuer => issuer.Mint(subject: "root", header: head => head["kid"] = new string('k', 20_000), key: Foreign),
        ["J1 header is an array"] = issuer => issuer.Key.SignText("[]", "{}"),
        ["J1 claims are an array"] = issuer => issuer.Key.SignText("""{"alg":"ES256","typ":"JWT","kid":"key-1"}""", "[]"),
        ["J1 header alg twice"] = issuer => issuer.Key.SignText("""{"alg":"none","typ":"JWT","kid":"key-1","alg":"none"}""", Claims(issuer, "\"sub\":\"root\"")),
        ["J1 deeply nested claims"] = issuer => issuer.Key.SignText("""{"alg":"ES256","typ":"JWT","kid":"key-1"}""", Claims(issuer, "\"sub\":\"root\",\"x\":" + new string('[', 2_000) + new string(']', 2_000))),
        ["J1 claims changed after signing"] = issuer => Swap(issuer.Mint(subject: "alice"), issuer.Mint(subject: "root")),
        ["J3 aud of another"] = issuer => issuer.Mint(claims => claims["aud"] = "someone-else", "root"),
        ["J3 aud list without us"] = issuer => issuer.Mint(claims => claims["aud"] = new JsonArray("a", "b"), "root"),
        ["J3 aud empty list"] = issuer => issuer.Mint(claims => claims["aud"] = new JsonArray(), "root"),
        ["J3 aud missing"] = issuer => issuer.Mint(claims => claims.Remove("aud"), "root"),
        ["J3 aud in other case"] = issuer => issuer.Mint(claims => claims["aud"] = "Postern", "root"),
        ["J3 aud with a space"] = issuer => issuer.Mint(claims => claims["aud"] = "postern ", "root"),
        ["J3 azp ours, aud not"] = issuer => issuer.Mint(claims => { claims["aud"] = "other"; claims["azp"] = TestIssuer.Audience; }, "root"),
        ["J3 exp missing"] = issuer => issuer.Mint(claims => claims.Remove("exp"), "root"),
        ["J3 exp text"] = issuer => issuer.Mint(claims => claims["exp"] = "tomorrow", "root"),
        ["J3 exp null"] = issuer => issuer.Mint(claims => claims["exp"] = null, "root"),
        ["J3 exp past the skew"] = issuer => issuer.Mint(claims => claims["exp"] = Now - 90, "root"),
        ["J3 exp negative"] = issuer => issuer.Mint(claims => claims["exp"] = -1, "root"),
        ["J3 nbf past the skew"] = issuer => issuer.Mint(claims => claims["nbf"] = Now + 120, "root"),
        ["J3 iat past the skew"] = issuer => issuer.Mint(claims => claims["iat"] = Now + 120, "root"),
        ["J3 iss missing"] = issuer => issuer.Mint(claims => claims.Remove("iss"), "root"),
        ["J3 iss of another"] = issuer => issuer.Mint(claims => claims["iss"] = "https://evil.example", "root"),
        ["J3 iss with a slash"] = issuer => issuer.Mint(claims => claims["iss"] = issuer.Url + "/", "root"),
        ["J3 iss in upper case"] = issuer => issuer.Mint(claims => claims["iss"] = issuer.Url.ToUpperInvariant(), "root"),
        ["J3 iss a list"] = issuer => issuer.Mint(claims => claims["iss"] = new JsonArray(issuer.Url), "root"),
        ["J3 sub missing"] = issuer => issuer.Mint(claims => claims.Remove("sub"), "root"),
        ["J3 sub empty"] = issuer => issuer.Mint(subject: ""),
        ["J3 sub a number"] = issuer => issuer.Mint(claims => claims["sub"] = 7, "root"),
        ["J3 sub with a line break"] = issuer => issuer.Mint(subject: "root\nadmin"),
        ["J4 id token's typ"] = issuer => issuer.Mint(subject: "root", header: head => head["typ"] = "id+jwt"),
        ["J4 logout token's typ"] = issuer => issuer.Mint(subject: "root", header: head => head["typ"] = "logout+jwt"),
        ["J4 DPoP proof's typ"] = issuer => issuer.Mint(subject: "root", header: head => head["typ"] = "dpop+jwt"),
        ["J4 encrypted"] = _ => "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA",
        ["J14 bound to a key, without its proof"] = issuer => issuer.Mint(claims => claims["cnf"] = new JsonObject { ["jkt"] = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }, "root"),
        ["J14 bound to a certificate"] = issuer => issuer.Mint(claims => claims["cnf"] = new JsonObject { ["x5t#S256"] = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }, "root"),
        ["J11 garbage"] = _ => "canary-not-a-token",
        ["J11 garbage in three parts"] = _ => "canary.not.atoken",
        ["J11 empty parts"] = _ => "..",
    };

    private Gate Gate => fixture.Gate;

    public static TheoryData<string> Names => [.. Bad.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Token_ThatIsNotGood_IsUnauthenticated(string id)
    {
        var watch = new Watch(Gate);
        var token = Bad[id](Gate.Issuer);
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(GrpcClient.WorkflowService + "DescribeWorkflowExecution", token), GrpcFrame.Of(Requests.Describe()));
        // Unknown key ids are asked for twice a minute at most: in between, a key that is too new can't be told from one that is none.
        var tells = !id.Contains("kid ", StringComparison.Ordinal) || answer.Status != GrpcCode.Unavailable;
        Assert.Equal(tells ? GrpcCode.Unauthenticated : GrpcCode.Unavailable, answer.Status);
        Assert.DoesNotContain(token, answer.Message);
        var record = await watch.RefusedAsync(answer.Message, tells ? "unauthenticated" : "cannot-tell", answer.Status!.Value);
        Assert.DoesNotContain(token, record.Text);
        Assert.Null(record["caller"]);
        Assert.DoesNotContain(Gate.Logs.Lines, line => line.ToString().Contains(token, StringComparison.Ordinal));
    }

    public static TheoryData<string> GoodNames => [.. Good.Keys];

    private static readonly Dictionary<string, Func<TestIssuer, string>> Good = new()
    {
        ["ordinary"] = issuer => issuer.Mint(subject: "root"),
        ["J3 aud list with us"] = issuer => issuer.Mint(claims => claims["aud"] = new JsonArray("other", TestIssuer.Audience), "root"),
        ["J3 exp just past, within the skew"] = issuer => issuer.Mint(claims => claims["exp"] = Now - 20, "root"),
        ["J3 nbf ahead, within the skew"] = issuer => issuer.Mint(claims => claims["nbf"] = Now + 30, "root"),
        ["J3 without nbf and iat"] = issuer => issuer.Mint(claims => { claims.Remove("nbf"); claims.Remove("iat"); }, "root"),
        ["J4 at+jwt"] = issuer => issuer.Mint(subject: "root", header: head => head["typ"] = "at+jwt"),
        ["J4 application/at+jwt"] = issuer => issuer.Mint(subject: "root", header: head => head["typ"] = "application/AT+JWT"),
        ["J4 without typ"] = issuer => issuer.Mint(subject: "root", header: head => head.Remove("typ")),
        ["J1 jku and x5u are not looked at"] = issuer => issuer.Mint(subject: "root", header: head => { head["jku"] = issuer.Url + "/evil"; head["x5u"] = issuer.Url + "/evil"; }),
    };

    [Theory]
    [MemberData(nameof(GoodNames))]
    public async Task Token_ThatIsGood_IsServed(string id)
    {
        var answer = await Gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), Good[id](Gate.Issuer), TestContext.Current.CancellationToken);
        Assert.True(answer.Status == 0, answer.Message);
        Assert.DoesNotContain("/evil", Gate.Issuer.Requests);
    }

    public static TheoryData<string, string[]> HeaderShapes => new()
    {
        { "no header", [] },
        { "empty", [""] },
        { "scheme only", ["Bearer"] },
        { "scheme and space", ["Bearer "] },
        { "no scheme", ["{token}"] },
        { "basic", ["Basic {token}"] },
        { "other scheme", ["Token {token}"] },
        { "J14 DPoP scheme", ["DPoP {token}"] },
        { "two values, the good one first", ["Bearer {token}", "Bearer x"] },
        { "two values, the good one last", ["Bearer x", "Bearer {token}"] },
        { "two good values", ["Bearer {token}", "Bearer {token}"] },
        { "comma list", ["Bearer {token}, Bearer {token}"] },
        { "comma at the end", ["Bearer {token},"] },
        { "two tokens", ["Bearer {token} {token}"] },
        { "quoted", ["Bearer \"{token}\""] },
        { "tab after the scheme", ["Bearer\t{token}"] },
        { "something behind", ["Bearer {token} x"] },
    };

    [Theory]
    [MemberData(nameof(HeaderShapes))]
    public async Task Authorization_OtherThanOneBearer_IsUnauthenticated(string id, string[] values)
    {
        Assert.NotEmpty(id);
        var watch = new Watch(Gate);
        var token = Gate.Issuer.Token("root");
        await using var client = await Gate.ConnectAsync();
        var head = RawHttp2.CallHeaders(GrpcClient.WorkflowService + "DescribeWorkflowExecution");
        head.AddRange(values.Select(value => ("authorization", value.Replace("{token}", token))));
        var answer = await client.CallAsync(head, GrpcFrame.Of(Requests.Describe()));
        Assert.Equal(GrpcCode.Unauthenticated, answer.Status);
        await watch.RefusedAsync(answer.Message, "unauthenticated", GrpcCode.Unauthenticated);
    }

    [Theory]
    [InlineData("J10 key in the query", "?access_token={token}", null)]
    [InlineData("J10 key in another query", "?key={token}", null)]
    [InlineData("J10 header x-api-key", "", "x-api-key")]
    [InlineData("J10 header x-access-token", "", "x-access-token")]
    [InlineData("J10 header grpc-metadata-authorization", "", "grpc-metadata-authorization")]
    [InlineData("J10 header grpcgateway-authorization", "", "grpcgateway-authorization")]
    [InlineData("J10 header proxy-authorization", "", "proxy-authorization")]
    [InlineData("J10 header authorization_", "", "authorization_")]
    [InlineData("J10 header authorization-extras", "", "authorization-extras")]
    [InlineData("J10 header authorization-bin", "", "authorization-bin")]
    [InlineData("J10 cookie", "", "cookie")]
    public async Task Token_InAnyOtherPlace_IsNoCredentialAndIsNotWrittenDown(string id, string query, string? header)
    {
        Assert.NotEmpty(id);
        var watch = new Watch(Gate);
        var token = Gate.Issuer.Token("root");
        await using var client = await Gate.ConnectAsync();
        var head = RawHttp2.CallHeaders(GrpcClient.WorkflowService + "DescribeWorkflowExecution" + query.Replace("{token}", token));
        if (header is not null)
        {
            head.Add((header, "Bearer " + token));
        }

        var answer = await client.CallAsync(head, GrpcFrame.Of(Requests.Describe()));
        Assert.NotEqual(0, answer.Status);
        Assert.DoesNotContain(token, answer.Message);
        watch.EngineSawNothing();
        var record = await watch.RecordAsync(answer.Message);
        // J11: a token in the request target is cut out of everything that is written.
        Assert.DoesNotContain(token, record.Text);
        Assert.DoesNotContain(Gate.Logs.Lines, line => line.ToString().Contains(token, StringComparison.Ordinal));
    }

    [Fact]
    public async Task J5_Rotation_OldAndNewKeysOverlap_ThenTheOldOneGoes()
    {
        await using var gate = await Gate.StartAsync();
        var old = gate.Issuer.Key;
        var before = gate.Issuer.Mint(subject: "root");
        await ServesAsync(gate, before);
        gate.Issuer.Rotate();
        // A kid that the cached set doesn't have is fetched for at once.
        await ServesAsync(gate, gate.Issuer.Mint(subject: "root"));
        await ServesAsync(gate, gate.Issuer.Mint(subject: "root", key: old));
        await ServesAsync(gate, before);
    }

    [Fact]
    public async Task J5_RandomKids_DontFloodTheIssuer()
    {
        await using var gate = await Gate.StartAsync();
        var known = gate.Issuer.Mint(subject: "root");
        await ServesAsync(gate, known);
        var asked = gate.Issuer.KeySetRequests;
        for (var i = 0; i < 200; i++)
        {
            var token = gate.Issuer.Mint(subject: "root", header: head => head["kid"] = "random-" + i, key: Foreign);
            var answer = await gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), token, TestContext.Current.CancellationToken);
            Assert.Contains(answer.Status, new[] { GrpcCode.Unauthenticated, GrpcCode.Unavailable, GrpcCode.ResourceExhausted });
        }

        Assert.InRange(gate.Issuer.KeySetRequests - asked, 0, 20);
        // Who was known before is served on from the same address, who is new from another one.
        await ServesAsync(gate, known);
        using var elsewhere = new GrpcClient(gate.GrpcAddress);
        Assert.Equal(0, (await elsewhere.CallAsync("DescribeWorkflowExecution", Requests.Describe(), gate.Issuer.Mint(subject: "root"), TestContext.Current.CancellationToken)).Status);
    }

    [Fact]
    public async Task J5_IssuerDownAfterAFetch_LastKnownKeysCarryOn()
    {
        await using var gate = await Gate.StartAsync();
        await ServesAsync(gate, gate.Issuer.Mint(subject: "root"));
        await gate.Issuer.GoAwayAsync();
        await ServesAsync(gate, gate.Issuer.Mint(subject: "root"));
        var answer = await gate.Client.CallAsync(
            "DescribeWorkflowExecution", Requests.Describe(), gate.Issuer.Mint(subject: "root", key: TestKey.Es256("new-and-unseen")), TestContext.Current.CancellationToken);
        Assert.Equal(GrpcCode.Unavailable, answer.Status);
    }

    [Theory]
    [InlineData("500 with JSON")]
    [InlineData("empty set")]
    [InlineData("not JSON")]
    [InlineData("redirect")]
    [InlineData("huge")]
    public async Task J5_KeySetThatIsNoKeySet_LeavesTheLastOneInPlace(string how)
    {
        await using var gate = await Gate.StartAsync();
        await ServesAsync(gate, gate.Issuer.Mint(subject: "root"));
        gate.Issuer.KeySetAnswer = async context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.StatusCode = how switch { "500 with JSON" => 500, "redirect" => 302, _ => 200 };
            if (how == "redirect")
            {
                context.Response.Headers.Location = "/evil";
            }

            await context.Response.BodyWriter.WriteAsync(Encoding.UTF8.GetBytes(how switch
            {
                "500 with JSON" => """{"error":"x"}""",
                "empty set" => """{"keys":[]}""",
                "huge" => "{\"keys\":[],\"x\":\"" + new string('a', 20_000_000) + "\"}",
                _ => "<html>",
            }), context.RequestAborted);
        };
        // An unknown kid makes the gate ask again.
        await gate.Client.CallAsync(
            "DescribeWorkflowExecution", Requests.Describe(), gate.Issuer.Mint(subject: "root", header: head => head["kid"] = "unseen", key: Foreign), TestContext.Current.CancellationToken);
        await ServesAsync(gate, gate.Issuer.Mint(subject: "root"));
        Assert.DoesNotContain("/evil", gate.Issuer.Requests);
    }

    [Fact]
    public async Task J8_J9_WhatThePolicySaysOfACaller_ChangesWithTheNextCall()
    {
        await using var gate = await Gate.StartAsync();
        var token = gate.Issuer.Token("alice", "payments");
        Assert.Equal(0, (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status);
        // The account is disabled here: a deny holds for live tokens too, also for those that were verified and remembered.
        await gate.SetPolicyAsync(GateSetup.Policy + "\ndeny:\n  - { what: [workflow.start], who: [\"user:alice\"] }\n");
        Assert.Equal(GrpcCode.PermissionDenied, (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status);
        await gate.SetPolicyAsync(GateSetup.Policy);
        Assert.Equal(0, (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status);
        // A new token without the group is another caller at once.
        var without = await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), gate.Issuer.Token("alice"), TestContext.Current.CancellationToken);
        Assert.Equal(GrpcCode.PermissionDenied, without.Status);
    }

    [Fact]
    public async Task J8_RememberedTokens_OfManyCallers_NeverMix()
    {
        var callers = Enumerable.Range(0, 40).Select(i => (Name: $"user-{i}", MayStart: i % 2 == 0, Token: Gate.Issuer.Token($"user-{i}", i % 2 == 0 ? "payments" : "viewers"))).ToList();
        for (var round = 0; round < 3; round++)
        {
            await Parallel.ForEachAsync(callers, TestContext.Current.CancellationToken, async (caller, cancellation) =>
            {
                var answer = await Gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(id: caller.Name), caller.Token, cancellation);
                Assert.Equal(caller.MayStart ? 0 : GrpcCode.PermissionDenied, answer.Status);
                Assert.True(caller.MayStart || answer.Message.Contains(caller.Name + " ", StringComparison.Ordinal), answer.Message);
            });
        }

        foreach (var call in Gate.Engine.Calls.Where(call => call.Operation == "StartWorkflowExecution"))
        {
            var id = Temporalio.Api.WorkflowService.V1.StartWorkflowExecutionRequest.Parser.ParseFrom(call.Message).WorkflowId;
            Assert.True(!id.StartsWith("user-", StringComparison.Ordinal) || new UpstreamToken(call).Subject == "test/" + id, id);
        }
    }

    private static async Task ServesAsync(Gate gate, string token)
    {
        var answer = await gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), token, TestContext.Current.CancellationToken);
        Assert.True(answer.Status == 0, answer.Message);
    }

    private static string Cut(string token, bool keepDot) => token[..(token.LastIndexOf('.') + (keepDot ? 1 : 0))];

    private static string Swap(string signed, string claims) => $"{signed.Split('.')[0]}.{claims.Split('.')[1]}.{signed.Split('.')[2]}";

    private static string Claims(TestIssuer issuer, string more) =>
        $$"""{"iss":"{{issuer.Url}}","aud":"{{TestIssuer.Audience}}","exp":{{Now + 600}},{{more}}}""";
}
