using System.Text;
using System.Text.Json;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Promises;

/// <summary>A flow run carries the verified caller's name, whatever its client claims; and nobody writes under the gate's names on anything whose labels runs inherit.</summary>
public sealed class PrefectRunsAreNamedAfterTheirCaller : IAsyncLifetime
{
    private const string Id = "0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22";
    private const string Caller = "postern.caller";
    private PrefectGate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(201, $$"""{"id":"{{Id}}"}"""));

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    public static TheoryData<string> Claims =>
    [
        "postern.caller", "Postern.Caller", "POSTERN.CALLER", "postern.anything", "postern.", " postern.caller", "\\u0070ostern.caller", "\\tpostern.caller",
        // Full width, long s, zero width, soft hyphen, Cyrillic o, Greek omicron, combining mark, another dot.
        "\uff50\uff4f\uff53\uff54\uff45\uff52\uff4e\uff0ecaller", "po\u017ftern.caller", "post\u200bern.caller", "\u200bpostern.caller", "post\u00adern.caller", "p\u043estern.caller",
        "p\u03bfstern.caller", "po\u0332stern.caller", "postern\u2024caller", "\u2060postern.caller",
    ];

    [Theory]
    [MemberData(nameof(Claims))]
    public async Task Run_CarriesItsCallersNameAlone(string claim)
    {
        var body = $$"""{"flow_id":"{{Id}}","labels":{"{{claim}}":"somebody","team":"a"},"state":{"type":"SCHEDULED"} }""";
        await _gate.SendAsync("POST", "/api/flow_runs/", "root", body);
        await _gate.SendAsync("POST", $"/api/deployments/{Id}/create_flow_run", "root", $$"""{"labels":{"{{claim}}":"somebody","team":"a"} }""");
        await _gate.SendAsync("POST", $"/api/deployments/{Id}/create_flow_run/bulk", "root", $$"""[{"labels":{"{{claim}}":"somebody","team":"a"} },{}]""");

        Assert.Equal(3, _gate.Server.Requests.Count);
        foreach (var request in _gate.Server.Requests)
        {
            using var sent = JsonDocument.Parse(request.Message.Body);
            foreach (var run in sent.RootElement.ValueKind == JsonValueKind.Array ? sent.RootElement.EnumerateArray().ToArray() : [sent.RootElement])
            {
                var labels = run.GetProperty("labels").EnumerateObject().ToDictionary(label => label.Name, label => label.Value.GetString());
                Assert.Equal("test/root", labels[Caller]);
                Assert.Equal(labels.ContainsKey("team") ? 2 : 1, labels.Count);
            }

            Assert.DoesNotContain("somebody", Encoding.UTF8.GetString(request.Message.Body), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("POST", "/api/flow_runs/", "{\"flow_id\":\"" + Id + "\"}")]
    [InlineData("POST", "/api/flow_runs/", "{\"flow_id\":\"" + Id + "\",\"labels\":{}}")]
    [InlineData("POST", "/api/flow_runs/", "{\"flow_id\":\"" + Id + "\",\"labels\":null}")]
    [InlineData("POST", "/api/deployments/" + Id + "/create_flow_run", "{}")]
    [InlineData("POST", "/api/deployments/" + Id + "/create_flow_run", " { } ")]
    public async Task Run_ThatClaimsNothing_IsNamedToo(string method, string target, string body)
    {
        await _gate.SendAsync(method, target, "root", body);

        using var sent = JsonDocument.Parse(Assert.Single(_gate.Server.Requests).Message.Body);
        Assert.Equal("test/root", sent.RootElement.GetProperty("labels").GetProperty(Caller).GetString());
    }

    // What the server wouldn't take for labels reaches it as it came, for it to refuse.
    [Theory]
    [InlineData("[]")]
    [InlineData("\"postern.caller\"")]
    [InlineData("7")]
    public async Task Labels_ThatAreNone_StayNone(string labels)
    {
        await _gate.SendAsync("POST", $"/api/deployments/{Id}/create_flow_run", "root", $$"""{"labels":{{labels}} }""");

        using var sent = JsonDocument.Parse(Assert.Single(_gate.Server.Requests).Message.Body);
        Assert.NotEqual(JsonValueKind.Object, sent.RootElement.GetProperty("labels").ValueKind);
    }

    public static TheoryData<string, string, string> Written => new()
    {
        { "PATCH", $"/api/flow_runs/{Id}/labels", """{"CLAIM":"somebody","team":"a"}""" },
        { "POST", "/api/flows/", """{"name":"etl","labels":{"CLAIM":"somebody","team":"a"} }""" },
        { "PATCH", $"/api/flows/{Id}", """{"labels":{"CLAIM":"somebody","team":"a"} }""" },
        { "POST", "/api/deployments/", $$"""{"name":"nightly","flow_id":"{{Id}}","labels":{"CLAIM":"somebody","team":"a"} }""" },
        { "PATCH", $"/api/deployments/{Id}", """{"labels":{"CLAIM":"somebody","team":"a"} }""" },
        { "PATCH", $"/api/flow_runs/{Id}", """{"labels":{"CLAIM":"somebody","team":"a"} }""" },
        { "POST", "/api/task_runs/", $$"""{"flow_run_id":"{{Id}}","task_key":"t","dynamic_key":"0","labels":{"CLAIM":"somebody","team":"a"} }""" },
    };

    [Theory]
    [MemberData(nameof(Written))]
    public async Task Labels_OfWhatRunsInherit_AreNobodysToForge(string method, string target, string body)
    {
        foreach (var claim in new[] { "postern.caller", "POSTERN.x", "p\u043estern.caller", "\\u0070ostern.caller" })
        {
            _gate.Server.Forget();
            Assert.Equal(201, (await _gate.SendAsync(method, target, "root", body.Replace("CLAIM", claim, StringComparison.Ordinal))).Status);

            var sent = Encoding.UTF8.GetString(Assert.Single(_gate.Server.Requests).Message.Body);
            Assert.DoesNotContain("somebody", sent, StringComparison.Ordinal);
            Assert.Contains("\"team\":\"a\"", sent, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("posternal.caller")]
    [InlineData("post.ern")]
    [InlineData("my.postern.caller")]
    [InlineData("\u043f\u0440\u043e\u0432\u0435\u0440\u043a.x")]
    [InlineData("h\u00f4tels.x")]
    public async Task Labels_OfOthers_Stay(string label)
    {
        await _gate.SendAsync("PATCH", $"/api/flow_runs/{Id}/labels", "root", $$"""{"{{label}}":"mine"}""");

        using var sent = JsonDocument.Parse(Assert.Single(_gate.Server.Requests).Message.Body);
        Assert.Equal("mine", sent.RootElement.GetProperty(label).GetString());
    }
}
