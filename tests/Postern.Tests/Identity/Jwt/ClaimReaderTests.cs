using System.Text.Json.Nodes;
using Postern.Identity;
using Postern.Model;

namespace Postern.Tests.Identity.Jwt;

public sealed class ClaimReaderTests
{
    [Fact]
    public async Task Caller_OfAFullToken_HasEveryFact()
    {
        await using var bench = new TokenBench();
        bench.Options = bench.Options with { Subject = "email", Display = "profile.name", Groups = "realm_access.roles", Kind = new() { Claim = "client", Service = ["svc-*"] } };
        var caller = await bench.CallerAsync(bench.Mint(claims =>
        {
            claims["email"] = "alice@example.com";
            claims["email_verified"] = true;
            claims["profile"] = new JsonObject { ["name"] = "Alice A." };
            claims["realm_access"] = new JsonObject { ["roles"] = new JsonArray("payments", "sre") };
            claims["client"] = "svc-payments";
            claims["jti"] = "id-1";
            claims["sid"] = "session-1";
            claims["act"] = new JsonObject { ["sub"] = "agent-1", ["act"] = new JsonObject { ["sub"] = "gateway" } };
        }));

        Assert.Equal(("okta/alice@example.com", "alice@example.com", "okta", "Alice A."), (caller.Name, caller.Subject, caller.Issuer, caller.DisplayName));
        Assert.Equal(CallerKind.Service, caller.Kind);
        Assert.Equal(["payments", "sre"], caller.Groups);
        Assert.Equal(["agent-1", "gateway"], caller.Actors);
        Assert.Equal(("id-1", "session-1", "key-1"), (caller.TokenId, caller.SessionId, caller.KeyId));
        Assert.Equal(bench.Now + 3600, caller.ExpiresAt.ToUnixTimeSeconds());
        Assert.Equal("okta/alice@example.com", caller.ToString());
    }

    [Theory]
    [InlineData("alice@example.com", "true", true)]
    [InlineData("alice@example.com", "\"true\"", true)]
    [InlineData("alice@example.com", "false", false)]
    [InlineData("alice@example.com", "\"false\"", false)]
    [InlineData("alice@example.com", "1", false)]
    [InlineData("alice@example.com", null, false)]
    [InlineData("alice@evil.example@example.com", "true", false)]
    [InlineData("alice", "true", false)]
    [InlineData("@example.com", "true", false)]
    [InlineData("alice@", "true", false)]
    [InlineData("alice smith@example.com", "true", false)]
    public async Task Email_AsSubject_NeedsOneVerifiedAddress(string email, string? verified, bool accepted)
    {
        await using var bench = new TokenBench();
        bench.Options = bench.Options with { Subject = "email" };
        var (token, _) = await bench.AskAsync(bench.Mint(claims =>
        {
            claims["email"] = email;
            if (verified is not null)
            {
                claims["email_verified"] = JsonNode.Parse(verified);
            }
        }));
        Assert.Equal(accepted, token is not null);
    }

    [Theory]
    [InlineData("groups", """{"groups":["a","b"]}""", "a,b")]
    [InlineData("groups", """{"groups":"a"}""", "a")]
    [InlineData("groups", """{"groups":[]}""", "")]
    [InlineData("groups", """{"groups":null}""", "")]
    [InlineData("groups", """{}""", "")]
    [InlineData("groups", """{"groups":["a",1]}""", null)]
    [InlineData("groups", """{"groups":{"a":true}}""", null)]
    [InlineData("groups", """{"groups":7}""", null)]
    [InlineData("groups", """{"_claim_names":{"groups":"src1"}}""", null)]
    [InlineData("groups", """{"_claim_names":{"other":"src1"}}""", "")]
    [InlineData("https://example.com/roles", """{"https://example.com/roles":["a"]}""", "a")]
    [InlineData("realm_access.roles", """{"realm_access":{"roles":["a"]}}""", "a")]
    [InlineData("realm_access.roles", """{"realm_access.roles":["whole"],"realm_access":{"roles":["parts"]}}""", "whole")]
    [InlineData("resource_access.my.app.roles", """{"resource_access":{"my.app":{"roles":["a"]}}}""", "a")]
    [InlineData("a.b", """{"a":"text"}""", "")]
    public async Task Groups_AtTheirPath_AreReadWholeOrNotAtAll(string path, string more, string? groups)
    {
        await using var bench = new TokenBench();
        bench.Options = bench.Options with { Groups = path };
        var (token, refusal) = await bench.AskAsync(bench.Mint(claims =>
        {
            foreach (var (name, value) in JsonNode.Parse(more)!.AsObject())
            {
                claims[name] = value?.DeepClone();
            }
        }));
        Assert.Equal(groups, token is null ? null : string.Join(',', token.Caller.Groups));
        Assert.True(token is not null || refusal!.Reason == RefusalReason.Unauthenticated);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(4, true)]
    [InlineData(5, false)]
    [InlineData(25, false)]
    public async Task Actors_UpToFour_AreKept(int depth, bool accepted)
    {
        await using var bench = new TokenBench();
        JsonObject? chain = null;
        for (var i = depth; i > 0; i--)
        {
            var next = new JsonObject { ["sub"] = $"actor-{i}" };
            if (chain is not null)
            {
                next["act"] = chain;
            }

            chain = next;
        }

        var (token, _) = await bench.AskAsync(bench.Mint(claims =>
        {
            if (chain is not null)
            {
                claims["act"] = chain;
            }
        }));
        Assert.Equal(accepted, token is not null);
        Assert.True(token is null || token.Caller.Actors.SequenceEqual(Enumerable.Range(1, depth).Select(i => $"actor-{i}")));
    }

    [Theory]
    [InlineData("\"text\"")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"sub":""}""")]
    [InlineData("""{"sub":1}""")]
    [InlineData("""{"sub":"a\nb"}""")]
    [InlineData("""[{"sub":"a"}]""")]
    public async Task Actor_ThatCannotBeRead_IsRefusedRatherThanLeftOut(string act)
    {
        await using var bench = new TokenBench();
        Assert.NotNull(await bench.RefusalAsync(bench.Mint(claims => claims["act"] = JsonNode.Parse(act))));
    }

    [Theory]
    [InlineData("svc-a", "Service")]
    [InlineData("bot-a", "Agent")]
    [InlineData("person", "Human")]
    [InlineData("Svc-a", "Human")]
    public async Task Kind_ByClaim_IsTheFirstThatMatchesOrTheDefault(string value, string kind)
    {
        await using var bench = new TokenBench();
        bench.Options = bench.Options with { Kind = new CallerKindOptions { Claim = "azp", Service = ["svc-*"], Agent = ["bot-*"] } };
        Assert.Equal(kind, (await bench.CallerAsync(bench.Mint(claims => claims["azp"] = value))).Kind.ToString());
    }

    [Fact]
    public async Task DisplayName_ThatIsNoName_IsTheSubject()
    {
        await using var bench = new TokenBench();
        bench.Options = bench.Options with { Display = "name" };
        Assert.Equal("alice", (await bench.CallerAsync(bench.Mint(claims => claims["name"] = "Root\n[admin]"))).DisplayName);
    }
}
