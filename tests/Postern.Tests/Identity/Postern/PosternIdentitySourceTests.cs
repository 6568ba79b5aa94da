using System.Text;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.Tokens;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Postern;
using Postern.Model;
using Postern.Tests.Identity.Accounts;

namespace Postern.Tests.Identity.Postern;

public sealed class PosternIdentitySourceTests : IAsyncDisposable
{
    private const string Issuer = "https://gate.test";

    private readonly AccountBench _bench = new();
    private readonly TestKey _key = TestKey.Es256("gate-1");
    private readonly Revocations _revocations = new();
    private readonly IdentitySources _sources;
    private bool _isWithdrawn;

    public PosternIdentitySourceTests()
    {
        var jwk = new JsonWebKey(_key.Public().ToJsonString());
        var source = new PosternIdentitySource(
            Issuer, TimeSpan.FromSeconds(5), id => id == _key.Id ? new VerifyingKey(jwk, () => _isWithdrawn) : null, _bench.Directory, _revocations, ["okta", "postern"], _bench.Time);
        _sources = new IdentitySources([source], null, _bench.Time);
        _bench.Account("red", account => account with { Namespaces = ["pay*"] });
    }

    private long Now => _bench.Time.GetUtcNow().ToUnixTimeSeconds();

    public async ValueTask DisposeAsync()
    {
        await _sources.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [Fact]
    public async Task Token_OfAnAccount_GivesItsCaller_WithEveryBound()
    {
        var caller = (await VerifiedAsync(Mint(claims =>
        {
            claims["aud"] = new JsonArray(Issuer + "/main", Issuer + "/other");
            claims["postern"] = new JsonObject { ["principal"] = "acc_red", ["namespaces"] = new JsonArray(new JsonArray("payments"), new JsonArray("*")), ["roles"] = new JsonArray("worker") };
            claims["act"] = new JsonObject { ["sub"] = "postern/bot" };
        }))).Caller;

        Assert.Equal(("postern/red", CredentialKind.Postern, CallerKind.Service), (caller.Name, caller.Credential, caller.Kind));
        Assert.Equal(["main", "other"], caller.Engines);
        Assert.Equal(["pay*", "payments", "*"], caller.NamespaceBounds.Select(set => Assert.Single(set)));
        Assert.Equal(["worker"], caller.RoleBounds);
        Assert.Equal(["postern/bot"], caller.Actors);
        Assert.Equal("t-1", caller.TokenId);
    }

    [Fact]
    public async Task Token_OfAnIssuersCaller_KeepsWhatTheIssuerSaid()
    {
        var own = new JsonObject { ["issuer"] = "okta", ["subject"] = "alice", ["display"] = "Alice", ["groups"] = new JsonArray("payments"), ["claims"] = new JsonObject { ["contractor"] = "yes" } };

        var caller = (await VerifiedAsync(Mint(claims => (claims["kind"], claims["postern"]) = ("human", own)))).Caller;

        Assert.Equal(("okta/alice", "Alice", CallerKind.Human), (caller.Name, caller.DisplayName, caller.Kind));
        Assert.Equal(["payments"], caller.Groups);
        Assert.Equal("yes", caller.Claims.GetProperty("contractor").GetString());
    }

    public static TheoryData<string, string> BadHeaders() => new()
    {
        { "alg", "none" }, { "alg", "RS256" }, { "alg", "ES384" }, { "crit", "[\"exp\"]" }, { "kid", "" }, { "kid", "gate-2" }, { "kid", "../gate-1" }, { "kid", "gate-1' OR '1'='1" },
        { "typ", "JWT" }, { "typ", "" }, { "typ", "postern-caller+jwt" }, { "typ", "at+jwt;x" },
    };

    [Theory]
    [MemberData(nameof(BadHeaders))]
    public async Task Header_OfAnotherMake_IsRefused(string name, string value) =>
        Assert.Equal(RefusalReason.Unauthenticated, (await RefusalAsync(Mint(header: header => header[name] = value.StartsWith('[') ? JsonNode.Parse(value) : value))).Reason);

    [Fact]
    public async Task Signature_ByAnotherKey_IsRefused_WhereverItSaysThatOneIsToBeFound()
    {
        var stranger = TestKey.Es256(_key.Id);
        var secret = TestKey.Hs256(_key.Id, Encoding.ASCII.GetBytes(_key.Public().ToJsonString()));
        foreach (var token in new[]
        {
            Mint(key: stranger), Mint(key: secret), Mint(key: TestKey.None(_key.Id)),
            Mint(key: stranger, header: header => (header["jku"], header["x5u"], header["jwk"]) = ("https://evil.example.com/keys", "https://evil.example.com/c", stranger.Public())),
        })
        {
            Assert.Equal(RefusalReason.Unauthenticated, (await RefusalAsync(token)).Reason);
        }
    }

    public static TheoryData<string, string?> BadClaims() => new()
    {
        { "aud", null }, { "aud", "\"https://gate.test\"" }, { "aud", "\"https://gate.test/\"" }, { "aud", "\"https://gate.test.evil.com/main\"" }, { "aud", "\"https://gate.testmain\"" }, { "aud", "\"main\"" },
        { "aud", "[\"https://billing.example.com\"]" }, { "aud", "7" }, { "exp", null }, { "exp", "\"soon\"" }, { "exp", "1" }, { "iat", null }, { "iat", "99999999999" }, { "nbf", "99999999999" },
        { "postern", null }, { "postern", "{}" }, { "postern", "7" }, { "postern", "{\"principal\":\"acc_gone\"}" }, { "postern", "{\"principal\":\"acc_red\",\"more\":1}" },
        { "postern", "{\"issuer\":\"gone\",\"subject\":\"alice\"}" }, { "postern", "{\"issuer\":\"postern\",\"subject\":\"red\"}" }, { "postern", "{\"principal\":\"acc_red\",\"key\":\"gone\"}" },
        { "postern", "{\"principal\":\"acc_red\",\"actors\":[\"acc_gone\"]}" }, { "act", "\"bot\"" },
        { "postern", "{\"principal\":\"acc_red\",\"task\":{}}" }, { "postern", "{\"principal\":\"acc_red\",\"task\":7}" }, { "postern", "{\"principal\":\"acc_red\",\"task\":{\"engine\":\"main\"}}" },
    };

    [Theory]
    [MemberData(nameof(BadClaims))]
    public async Task Claims_ThatSayTooLittleOrElse_AreRefused(string name, string? value) => Assert.Equal(RefusalReason.Unauthenticated, (await RefusalAsync(Mint(claims =>
    {
        claims.Remove(name);
        if (value is not null)
        {
            claims[name] = JsonNode.Parse(value);
        }
    }))).Reason);

    [Fact]
    public async Task Times_AreLenientByTheSkewAndNoMore()
    {
        Assert.NotNull((await AskAsync(Mint(claims => claims["exp"] = Now - 5))).Token);
        Assert.NotNull((await AskAsync(Mint(claims => claims["iat"] = Now + 5))).Token);
        Assert.Null((await AskAsync(Mint(claims => claims["exp"] = Now - 6))).Token);
        Assert.Null((await AskAsync(Mint(claims => claims["iat"] = Now + 6))).Token);
    }

    [Theory]
    [InlineData("token")]
    [InlineData("session")]
    [InlineData("origin")]
    [InlineData("caller")]
    [InlineData("actor revoked")]
    [InlineData("actor disabled")]
    [InlineData("key")]
    [InlineData("account disabled")]
    [InlineData("account deleted")]
    [InlineData("signing key")]
    public async Task WhatItRestsOn_EndsIt_AndNoOther(string what)
    {
        var (key, _) = _bench.Key("acc_red");
        _bench.Account("bot", account => account with { Kind = CallerKind.Agent });
        _bench.Account("green");
        var own = new JsonObject { ["principal"] = "acc_red", ["key"] = key.Id, ["actors"] = new JsonArray("acc_bot"), ["from"] = new JsonArray("t-0") };
        var text = Mint(claims => (claims["sid"], claims["act"], claims["postern"]) = ("fam_1", new JsonObject { ["sub"] = "postern/bot" }, own));
        var token = await VerifiedAsync(text);
        var other = await VerifiedAsync(Mint(claims => (claims["jti"], claims["sub"], claims["postern"]) = ("t-2", "postern/green", new JsonObject { ["principal"] = "acc_green" })));
        Assert.True(token.Stands(_bench.Time.GetUtcNow()));

        switch (what)
        {
            case "token": Revoke(RevocationKind.Token, "t-1"); break;
            case "session": Revoke(RevocationKind.Family, "fam_1"); break;
            case "origin": Revoke(RevocationKind.Token, "t-0"); break;
            case "caller": Revoke(RevocationKind.Caller, "postern/red"); break;
            case "actor revoked": Revoke(RevocationKind.Caller, "postern/bot"); break;
            case "actor disabled": _bench.Account("bot", account => account with { Kind = CallerKind.Agent, Disabled = true, Version = 2 }); break;
            case "key": _bench.Apply(key with { RevokedAt = _bench.Time.GetUtcNow(), Version = 2 }); break;
            case "account disabled": _bench.Account("red", account => account with { Disabled = true, Version = 2 }); break;
            case "account deleted": _bench.Delete(StoredKind.Account, "acc_red"); break;
            default: _isWithdrawn = true; break;
        }

        Assert.False(token.Stands(_bench.Time.GetUtcNow()));
        Assert.Equal(LeaseEnd.Revoked, token.Ended);
        Assert.Equal(what != "signing key", other.Stands(_bench.Time.GetUtcNow()));
        if (what != "signing key")
        {
            Assert.Equal(RefusalReason.Unauthenticated, (await RefusalAsync(text)).Reason);
        }
    }

    [Fact]
    public async Task Token_BoundToATask_IsTakenInCallsAlone()
    {
        var text = Mint(claims => claims["postern"] = new JsonObject
        {
            ["principal"] = "acc_red",
            ["task"] = new JsonObject
            {
                ["engine"] = "main", ["namespace"] = "payments", ["workflowId"] = "w-1", ["runId"] = "r-1", ["activityId"] = "1", ["activityType"] = "charge", ["attempt"] = 2, ["started"] = "2026-11-28T10:15:00.1234567+00:00",
            },
        });

        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("bound to a task", (await RefusalAsync(text)).Detail);
            var (token, refusal) = await _sources.AuthenticateAsync("Bearer " + text, null, null, TestContext.Current.CancellationToken);
            Assert.True(token is not null, refusal?.ToString());
            Assert.Equal(("main", "payments", "w-1", "r-1", "1", 2), (token.Caller.Task!.Engine, token.Caller.Task.Namespace, token.Caller.Task.WorkflowId, token.Caller.Task.RunId, token.Caller.Task.ActivityId, token.Caller.Task.Attempt));
            Assert.Equal(1_234_567, token.Caller.Task.Started.UtcTicks % TimeSpan.TicksPerSecond);
        }
    }

    [Fact]
    public async Task KnownToken_IsFoundAgain_WithoutBeingVerified()
    {
        var text = Mint();

        Assert.Same(await VerifiedAsync(text), await VerifiedAsync(text));
    }

    private void Revoke(RevocationKind kind, string value) => _revocations.Apply(new StoreChanges
    {
        Revision = new StoreRevision("s", 1), IsWhole = false, Revocations = [new Revocation(kind, value, _bench.Time.GetUtcNow().AddSeconds(1), null, "test/root")],
    });

    private async Task<AuthenticationResult> AskAsync(string text) => await _sources.AuthenticateAsync("Bearer " + text, null, TestContext.Current.CancellationToken);

    private async Task<VerifiedToken> VerifiedAsync(string text)
    {
        var (token, refusal) = await AskAsync(text);
        Assert.True(token is not null, refusal?.ToString());
        return token;
    }

    private async Task<Refusal> RefusalAsync(string text)
    {
        var (token, refusal) = await AskAsync(text);
        Assert.Null(token);
        return refusal!;
    }

    private string Mint(Action<JsonObject>? claims = null, Action<JsonObject>? header = null, TestKey? key = null)
    {
        key ??= _key;
        var body = new JsonObject
        {
            ["iss"] = Issuer, ["sub"] = "postern/red", ["client_id"] = "red", ["aud"] = Issuer + "/main", ["iat"] = Now, ["exp"] = Now + 900, ["jti"] = "t-1", ["kind"] = "service",
            ["postern"] = new JsonObject { ["principal"] = "acc_red" },
        };
        claims?.Invoke(body);
        var head = new JsonObject { ["alg"] = key.Algorithm, ["typ"] = "at+jwt", ["kid"] = key.Id };
        header?.Invoke(head);
        return key.Sign(head, body);
    }
}
