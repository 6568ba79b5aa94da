using System.Text;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>What is the same for everybody the gate may answer by itself; whose call it is, it looks at all the same.</summary>
public sealed class PrefectCacheTests : IAsyncLifetime
{
    private const string Policy = """
        bindings:
          - { who: ["user:alice", "user:bob"], role: developer, where: { prefect: main } }
          - { who: ["user:banned"], role: developer, where: { prefect: main } }
        deny:
          - { who: ["user:banned"], what: [server.info], where: { prefect: main } }
        """;

    private PrefectGate _gate = null!;
    private int _answers;

    public async ValueTask InitializeAsync() => _gate = await PrefectGate.StartAsync(arrived => arrived.Message.Target switch
    {
        "/assets/gone.js" => PrefectAnswer.Json(404, "{}"),
        "/assets/mine.js" => With("set-cookie", "a=b"),
        "/assets/private.js" => With("cache-control", "private"),
        _ => With("etag", "\"v1\""),
    }, setup => setup with { PolicyText = Policy }, isCaching: true);

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    [Theory]
    [InlineData("/openapi.json")]
    [InlineData("/api/admin/version")]
    [InlineData("/assets/index.js")]
    public async Task AnswerForEverybody_IsAskedForOnce_AndComesAsItCame(string target)
    {
        var first = await _gate.SendAsync("GET", target, "alice");
        var second = await _gate.SendAsync("GET", target, "bob");

        Assert.Equal((200, first.Text, "\"v1\""), (second.Status, second.Text, second.Headers["etag"]));
        Assert.Single(_gate.Server.Requests);
        await Eventually.TrueAsync(() => _gate.Gate.Audit.Records().Select(record => record["caller"]).Order(StringComparer.Ordinal).SequenceEqual(["test/alice", "test/bob"]), _gate.Gate.Audit.Text);
    }

    [Fact]
    public async Task AnswerThatIsKept_IsForNobodyWhoMayNot()
    {
        await _gate.SendAsync("GET", "/openapi.json", "alice");

        var stranger = await _gate.SendAsync("GET", "/openapi.json", null);
        var banned = await _gate.SendAsync("GET", "/openapi.json", "banned");

        Assert.Equal((401, 403), (stranger.Status, banned.Status));
    }

    [Theory]
    [InlineData("/api/admin/settings")]
    [InlineData("/ui-settings")]
    [InlineData("/api/csrf-token?client=a")]
    [InlineData("/dashboard")]
    [InlineData("/assets/gone.js")]
    [InlineData("/assets/mine.js")]
    [InlineData("/assets/private.js")]
    public async Task AnswerThatMayDiffer_IsAskedForEachTime(string target)
    {
        var first = await _gate.SendAsync("GET", target, "alice");
        var second = await _gate.SendAsync("GET", target, "bob");

        Assert.Equal(first.Status, second.Status);
        Assert.Equal(2, _gate.Server.Requests.Count);
    }

    [Theory]
    [InlineData("If-None-Match", "\"v1\"")]
    [InlineData("Range", "bytes=0-1")]
    [InlineData("Cache-Control", "no-cache")]
    [InlineData("Origin", "https://elsewhere.example")]
    [InlineData("Cookie", "prefect_ui_version=v1")]
    [InlineData("Accept", "text/html")]
    [InlineData("Accept-Encoding", "gzip")]
    [InlineData("X-Prefect-Api-Version", "0.1")]
    public async Task RequestThatAsksForSomethingElse_GetsThat(string name, string value)
    {
        await _gate.SendAsync("GET", "/assets/index.js", "alice");
        await _gate.SendAsync("GET", "/assets/index.js", "alice", with: request => request.Headers.TryAddWithoutValidation(name, value));

        Assert.Equal(2, _gate.Server.Requests.Count);
    }

    [Fact]
    public async Task Off_EachIsAskedFor()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "{}"), isCaching: false);
        await gate.SendAsync("GET", "/openapi.json", "alice");
        await gate.SendAsync("GET", "/openapi.json", "alice");

        Assert.Equal(2, gate.Server.Requests.Count);
    }

    [Fact]
    public async Task NextPageOfEvents_IsWhereTheClientCallsTheGate()
    {
        _gate.Server.Script = _ => PrefectAnswer.Json(200, """{"events":[],"total":2,"next_page":"https://10.0.0.7:4200/api/events/filter/next?page-token=x"}""");

        var reply = await _gate.SendAsync("POST", "/api/events/filter", "alice", "{}");

        Assert.Equal($$"""{"events":[],"total":2,"next_page":"http://{{_gate.Address}}/api/events/filter/next?page-token=x"}""", reply.Text);
    }

    private PrefectAnswer With(string header, string value)
    {
        var body = Encoding.UTF8.GetBytes($"answer {Interlocked.Increment(ref _answers)}");
        return PrefectAnswer.Of(new WireMessage("HTTP/1.1 200 OK", [("content-length", $"{body.Length}"), ("content-type", "text/plain"), (header, value)], body));
    }
}
