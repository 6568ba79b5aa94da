using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Postern.Identity;
using Postern.Model;

namespace Postern.Tests.Identity.Introspection;

public sealed class IntrospectionIdentitySourceTests
{
    private static readonly Dictionary<string, Action<JsonObject>> Bad = new()
    {
        ["bound to a key"] = claims => claims["cnf"] = new JsonObject { ["jkt"] = "x" },
        ["of another type"] = claims => claims["token_type"] = "DPoP",
        ["type a number"] = claims => claims["token_type"] = 1,
        ["without sub"] = claims => claims.Remove("sub"),
        ["sub a number"] = claims => claims["sub"] = 1,
        ["sub with a line break"] = claims => claims["sub"] = "alice\nroot",
        ["exp text"] = claims => claims["exp"] = "soon",
        ["exp now"] = claims => claims["exp"] = 0,
        ["groups half"] = claims => claims["groups"] = new JsonArray("a", 1),
    };

    private static readonly Dictionary<string, (int Status, string Body)> NoAnswers = new()
    {
        ["empty"] = (200, ""),
        ["a page"] = (200, "<html>"),
        ["a list"] = (200, "[]"),
        ["without active"] = (200, """{"sub":"alice"}"""),
        ["active a text"] = (200, """{"active":"true","sub":"alice"}"""),
        ["active null"] = (200, """{"active":null}"""),
        ["active twice"] = (200, """{"active":false,"active":true,"sub":"alice"}"""),
        ["half a surrogate"] = (200, """{"active":true,"sub":"\ud800"}"""),
        ["deep"] = (200, """{"active":true,"sub":"alice","a":""" + new string('[', 100) + new string(']', 100) + "}"),
        ["huge"] = (200, """{"active":true,"sub":"alice","a":" """ + new string('a', 100_000) + "\"}"),
        ["elsewhere"] = (302, """{"active":true,"sub":"alice"}"""),
        ["ours is wrong"] = (401, """{"active":true,"sub":"alice"}"""),
        ["too many"] = (429, ""),
        ["broken"] = (500, """{"active":true,"sub":"alice"}"""),
    };

    public static TheoryData<string> BadNames() => [.. Bad.Keys];

    public static TheoryData<string> NoAnswerNames() => [.. NoAnswers.Keys];

    [Fact]
    public async Task ActiveToken_IsTheCallerThatTheAnswerNames()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Reload(bench.Options with { Groups = "realm.roles", Kind = new CallerKindOptions { Default = CallerKind.Service } });
        bench.Server.Know("tok", claims =>
        {
            claims["jti"] = "j";
            claims["realm"] = new JsonObject { ["roles"] = new JsonArray("payments") };
            claims["exp"] = bench.Now + 3600;
        });

        var caller = (await bench.VerifiedAsync("tok")).Caller;

        Assert.Equal("legacy/alice", caller.Name);
        Assert.Equal(CallerKind.Service, caller.Kind);
        Assert.Equal(CredentialKind.Introspected, caller.Credential);
        Assert.Equal("payments", Assert.Single(caller.Groups));
        Assert.Equal("j", caller.TokenId);
        Assert.Equal(bench.Time.GetUtcNow().AddHours(1), caller.ExpiresAt);
        // RFC 6749 §2.3.1.
        Assert.Equal("Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes("postern%3Agate:s+e%2Fcret")), Assert.Single(bench.Server.Asked).Authorization);
    }

    [Theory]
    [MemberData(nameof(BadNames))]
    public async Task ActiveToken_Bad_IsRefused(string name)
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Reload(bench.Options with { Groups = "groups" });
        bench.Server.Know("good");
        bench.Server.Know("bad", Bad[name]);

        await bench.VerifiedAsync("good");
        Assert.Equal(RefusalReason.Unauthenticated, (await bench.RefusalAsync("bad")).Reason);
    }

    [Theory]
    [MemberData(nameof(NoAnswerNames))]
    public async Task Endpoint_NoAnswer_CannotTell(string name)
    {
        await using var bench = await IntrospectionBench.StartAsync();
        var (status, body) = NoAnswers[name];
        bench.Server.Answer = context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = bench.Server.Url + "2";
            return context.Response.WriteAsync(body);
        };

        var result = await bench.AskAsync("tok");

        Assert.Equal(RefusalReason.CannotTell, result.Refusal!.Reason);
        Assert.False(result.Counts);
        Assert.Single(bench.Server.Asked);
    }

    [Fact]
    public async Task Answer_WithinItsTime_IsAskedForOnce()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Server.Know("tok");

        await bench.VerifiedAsync("tok");
        bench.Time.Advance(TimeSpan.FromSeconds(29));
        await bench.VerifiedAsync("tok");
        Assert.Single(bench.Server.Asked);

        bench.Time.Advance(TimeSpan.FromSeconds(1));
        await bench.VerifiedAsync("tok");
        Assert.Equal(2, bench.Server.Asked.Count);
    }

    [Fact]
    public async Task Exp_BoundsTheAnswer()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Server.Know("tok", claims => claims["exp"] = bench.Now + 10);

        await bench.VerifiedAsync("tok");
        bench.Time.Advance(TimeSpan.FromSeconds(10));

        Assert.Contains("expired", (await bench.RefusalAsync("tok")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InactiveToken_IsRememberedForSecondsOnly()
    {
        await using var bench = await IntrospectionBench.StartAsync();

        Assert.Equal("Request unauthenticated. The token is not active.", (await bench.RefusalAsync("tok")).Text);
        bench.Server.Know("tok");
        bench.Time.Advance(TimeSpan.FromSeconds(4));
        await bench.RefusalAsync("tok");
        Assert.Single(bench.Server.Asked);

        bench.Time.Advance(TimeSpan.FromSeconds(1));
        await bench.VerifiedAsync("tok");
    }

    [Fact]
    public async Task TokenThatIsNoLongerActive_EndsWhatItOpened()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Server.Know("tok");
        var open = await bench.VerifiedAsync("tok");
        bench.Server.Forget("tok");
        bench.Time.Advance(TimeSpan.FromSeconds(30));

        await bench.RefusalAsync("tok");

        Assert.Equal(LeaseEnd.Revoked, open.Ended);
    }

    // J9: a group that was taken away at the server ends what is open, once that is noticed; what says nothing about the caller doesn't.
    [Fact]
    public async Task J9_TokenOfWhichTheGroupsChange_EndsWhatItOpened_AndNothingElseDoes()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Reload(bench.Options with { Groups = "groups" });
        bench.Server.Know("tok", claims => claims["groups"] = new JsonArray("payments", "support"));
        var open = await bench.VerifiedAsync("tok");

        bench.Server.Know("tok", claims => (claims["groups"], claims["last_used"]) = (new JsonArray("support", "payments"), 7));
        bench.Time.Advance(TimeSpan.FromSeconds(30));
        await bench.VerifiedAsync("tok");
        Assert.Equal(LeaseEnd.None, open.Ended);

        bench.Server.Know("tok", claims => claims["groups"] = new JsonArray("support"));
        bench.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(["support"], (await bench.VerifiedAsync("tok")).Caller.Groups);
        Assert.Equal(LeaseEnd.Changed, open.Ended);
    }

    [Fact]
    public async Task ManyCallersOfOneToken_AskOnce()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bench.Server.Answer = async context =>
        {
            await release.Task;
            await context.Response.WriteAsync("""{"active":true,"sub":"alice"}""");
        };

        var all = Enumerable.Range(0, 50).Select(_ => bench.AskAsync("tok")).ToList();
        await Soon.TrueAsync(() => Task.FromResult(bench.Server.Asked.Count > 0));
        release.SetResult();

        Assert.All(await Task.WhenAll(all), result => Assert.NotNull(result.Token));
        Assert.Single(bench.Server.Asked);
    }

    [Fact]
    public async Task EndpointAway_LastGoodAnswer_ServesWithinItsBoundOnly()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Reload(bench.Options with { Stale = TimeSpan.FromMinutes(2) });
        bench.Server.Know("tok");
        await bench.VerifiedAsync("tok");
        await bench.Server.GoAwayAsync();

        bench.Time.Advance(TimeSpan.FromMinutes(2));
        await bench.VerifiedAsync("tok");
        Assert.Equal(RefusalReason.CannotTell, (await bench.RefusalAsync("other")).Reason);
        bench.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(RefusalReason.CannotTell, (await bench.RefusalAsync("tok")).Reason);
    }

    [Fact]
    public async Task EndpointAway_WithoutABound_CannotTell()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Server.Know("tok");
        await bench.VerifiedAsync("tok");
        await bench.Server.GoAwayAsync();
        bench.Time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal(RefusalReason.CannotTell, (await bench.RefusalAsync("tok")).Reason);
        await bench.Server.ReturnAsync();
        bench.Time.Advance(TimeSpan.FromSeconds(5));
        await bench.VerifiedAsync("tok");
    }

    [Fact]
    public async Task EndpointThatKeepsFailing_IsGivenARest()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Server.Answer = context =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        };
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(RefusalReason.CannotTell, (await bench.RefusalAsync($"tok{i}")).Reason);
        }

        Assert.Equal(5, bench.Server.Asked.Count);
        Assert.Equal("introspection legacy: no answers since 2026-01-31T12:00:00.0000000+00:00: it answered 500", Assert.Single(bench.Sources.Notes()));
        bench.Server.Answer = null;
        bench.Server.Know("tok");
        await bench.RefusalAsync("tok");
        Assert.Single(bench.Sources.Notes());
        bench.Time.Advance(TimeSpan.FromSeconds(5));
        await bench.VerifiedAsync("tok");
        Assert.Empty(bench.Sources.Notes());
    }

    [Fact]
    public async Task Issuer_Configured_MustBeNamed()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Reload(bench.Options with { Issuer = "https://idp.example" });
        bench.Server.Know("good", claims => claims["iss"] = "https://idp.example");
        bench.Server.Know("other", claims => claims["iss"] = "https://other.example");
        bench.Server.Know("without");

        await bench.VerifiedAsync("good");
        Assert.Equal("iss", (await bench.RefusalAsync("other")).Detail);
        Assert.Equal("iss", (await bench.RefusalAsync("without")).Detail);
    }

    [Fact]
    public async Task Prefixes_EachToken_GoesToItsOwnServerOnly()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        await using var other = await TestServer.StartAsync();
        bench.Reload(bench.Options with { Prefix = "one_" }, bench.Options with { Name = "two", Endpoint = other.Url, Prefix = "two_" });
        bench.Server.Know("one_tok");
        other.Know("two_tok");

        Assert.Equal("legacy/alice", (await bench.VerifiedAsync("one_tok")).Caller.Name);
        Assert.Equal("two/alice", (await bench.VerifiedAsync("two_tok")).Caller.Name);
        Assert.Contains("of a kind", (await bench.RefusalAsync("three_tok")).Text, StringComparison.Ordinal);
        Assert.Equal(["one_tok"], bench.Server.Asked.Select(asked => asked.Token));
        Assert.Equal(["two_tok"], other.Asked.Select(asked => asked.Token));
    }

    [Theory]
    [InlineData("eyJhbGciOiJub25lIn0.e30.")]
    [InlineData("pst_0123456789abcdef_x")]
    public async Task WhatHasAnotherShape_IsNeverSentOut(string token)
    {
        await using var bench = await IntrospectionBench.StartAsync();

        await bench.RefusalAsync(token);

        Assert.Empty(bench.Server.Asked);
    }

    [Fact]
    public async Task Reload_KeepsWhatIsKnown_UnlessItAsksElsewhere()
    {
        await using var bench = await IntrospectionBench.StartAsync();
        bench.Server.Know("tok");
        await bench.VerifiedAsync("tok");

        bench.Reload(bench.Options with { Display = "name" });
        await bench.VerifiedAsync("tok");
        Assert.Single(bench.Server.Asked);

        bench.Reload(bench.Options with { Endpoint = bench.Server.Url + "/other" });
        await bench.VerifiedAsync("tok");
        Assert.Equal(2, bench.Server.Asked.Count);
    }
}
