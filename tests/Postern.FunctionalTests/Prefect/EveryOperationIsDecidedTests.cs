using System.Collections.Concurrent;
using System.Text;
using Postern.Engines.Prefect;
using Postern.FunctionalTests.Infrastructure;
using Postern.Model;

namespace Postern.FunctionalTests.Prefect;

/// <summary>
/// While the server answers, every operation is allowed or refused to every caller, whatever his rules speak of: can't-tell would be the same the next time, and clients try again for minutes.
/// </summary>
public sealed class EveryOperationIsDecidedTests : IAsyncLifetime
{
    private const string Id = "aaaaaaaa-1111-4111-8111-111111111111", Other = "bbbbbbbb-2222-4222-8222-222222222222";

    private static readonly string[] s_dimensions =
        [.. new[] { Dimensions.WorkPool, Dimensions.WorkQueue, Dimensions.Deployment, Dimensions.Flow, Dimensions.Tag, Dimensions.Variable, Dimensions.BlockType, Dimensions.Block }.Select(d => d.Name())];

    private PrefectGate _gate = null!;

    public static TheoryData<string> Callers => [.. s_dimensions.SelectMany(d => new[] { $"only-{d}", $"all-but-{d}" }), "only-in-both"];

    public async ValueTask InitializeAsync() => _gate = await PrefectGate.StartAsync(Answer, setup => setup with { PolicyText = Policy() });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    [Theory]
    [MemberData(nameof(Callers))]
    public async Task Caller_OfAnyOperation_IsAllowedOrRefused(string caller)
    {
        var (wrong, statuses) = (new ConcurrentBag<string>(), new ConcurrentBag<int>());
        foreach (var name in new[] { "mine", "other" })
        {
            await Parallel.ForEachAsync(PrefectRoutes.All.Where(route => !route.IsSocket), TestContext.Current.CancellationToken, async (route, cancellation) =>
            {
                foreach (var body in BodiesOf(route, name))
                {
                    var reply = await _gate.SendAsync(route.Method, TargetOf(route, name), caller, body, cancellation: cancellation);
                    statuses.Add(reply.Status);
                    if (reply.Status is not (200 or 403))
                    {
                        wrong.Add($"{route} {body} of {name}: {reply.Status} {reply.Text}");
                    }
                }
            });
        }

        Assert.Empty(wrong);
        Assert.Contains(200, statuses);
        Assert.Contains(403, statuses);
    }

    private static string Policy()
    {
        var text = new StringBuilder("bindings:\n");
        foreach (var dimension in s_dimensions)
        {
            text.AppendLine($$"""  - { who: ["user:only-{{dimension}}"], role: admin, where: { prefect: main, {{dimension}}: mine } }""");
            text.AppendLine($$"""  - { who: ["user:all-but-{{dimension}}"], role: admin, where: { prefect: main } }""");
        }

        text.AppendLine("""  - { who: ["user:only-in-both"], role: admin, where: { prefect: main, workPool: "m*", tag: mine } }""");
        text.AppendLine("""  - { who: ["user:only-in-both"], role: admin, where: { prefect: main, flow: mine, workQueue: "m*" } }""");
        text.AppendLine("deny:");
        foreach (var dimension in s_dimensions)
        {
            text.AppendLine($$"""  - { who: ["user:all-but-{{dimension}}"], what: ["*"], where: { prefect: main, {{dimension}}: other } }""");
        }

        return text.ToString();
    }

    private static string TargetOf(PrefectRoute route, string name)
    {
        var parts = route.Parts.Select(part => part switch
        {
            "{page}" => "",
            "{file}" => "a.js",
            "{checksum}" => "sha256:" + name,
            "{countable}" => "day",
            _ when !PrefectRoute.IsParameter(part) => part,
            _ when part.Contains("id_or_name", StringComparison.Ordinal) => name,
            _ when part.Contains("id}", StringComparison.Ordinal) => name == "mine" ? Id : Other,
            _ => name,
        });
        var query = route.Body switch
        {
            PrefectBody.FlowRunQuery => "?flow_run_id=" + Id,
            PrefectBody.TaskRunQuery => "?task_run_id=" + Id,
            PrefectBody.EventPage => "?page-token=" + Uri.EscapeDataString(PrefectPageToken.Write(Encoding.UTF8.GetBytes($$"""{"filter":{"any_resource":{"id":["prefect.flow-run.{{Id}}"] } },"count":2,"page_size":1,"offset":1}"""))),
            _ => "",
        };
        return "/" + string.Join('/', parts) + (route.Template.EndsWith('/') && route.Template.Length > 1 ? "/" : "") + query;
    }

    private static IEnumerable<string?> BodiesOf(PrefectRoute route, string name)
    {
        var id = name == "mine" ? Id : Other;
        switch (route.Body)
        {
            case PrefectBody.Filter or PrefectBody.BlockFilter:
                yield return "{}";
                yield return null;
                if (route.Family == PrefectFilters.Events)
                {
                    foreach (var kind in new[] { "flow-run", "task-run", "deployment", "flow", "work-queue", "work-pool", "block-document", "block-type", "automation", "variable", "ai-agent" })
                    {
                        yield return $$"""{"filter":{"any_resource":{"id":["prefect.{{kind}}.{{id}}"]} } }""";
                    }
                }

                if (route.Family == PrefectFilters.Logs)
                {
                    yield return $$"""{"logs":{"flow_run_id":{"any_":["{{id}}"]} } }""";
                    yield return """{"logs":{"flow_run_id":{"any_":["nobody"]} } }""";
                }

                break;
            case PrefectBody.DeploymentRuns:
                yield return """[{"job_variables":{"image":"x"} }]""";
                break;
            case PrefectBody.Logs:
                yield return $$"""[{"flow_run_id":"{{id}}"},{"task_run_id":"{{id}}"},{}]""";
                break;
            case PrefectBody.Events:
                yield return $$"""[{"resource":{"prefect.resource.id":"prefect.flow-run.{{id}}"} }]""";
                break;
            case PrefectBody.QueueNames:
                yield return "{}";
                yield return $$"""{"work_queue_names":["{{name}}"]}""";
                break;
            case PrefectBody.Unread or PrefectBody.FlowRunQuery or PrefectBody.TaskRunQuery or PrefectBody.EventPage:
                yield return null;
                break;
            default:
                yield return $$"""
                    {"name":"{{name}}","slug":"{{name}}","flow_id":"{{id}}","deployment_id":"{{id}}","flow_run_id":"{{id}}","task_run_id":"{{id}}","block_type_id":"{{id}}","block_schema_id":"{{id}}",
                    "deployment_ids":["{{id}}"],"flow_ids":["{{id}}"],"flow_run_ids":["{{id}}"],"state":{"type":"CANCELLED"},"job_variables":{"image":"x"},
                    "data":{"inner":{"$ref":{"block_document_id":"{{id}}"} } },"values":{"x":{"__prefect_kind":"workspace_variable","variable_name":"{{name}}"} } }
                    """;
                break;
        }
    }

    // Everything of the one id is mine, everything of the other isn't; what is asked by a name is of that name.
    private static PrefectAnswer Answer(ArrivedRequest arrived)
    {
        if (arrived.Message.Header("x-postern-call-id") is not null)
        {
            return PrefectAnswer.Json(200, "{}");
        }

        var target = arrived.Message.Target;
        return PrefectAnswer.Json(200, target.EndsWith("/filter", StringComparison.Ordinal) ? FilterAnswer(target, Encoding.UTF8.GetString(arrived.Message.Body)) : Thing(target.Contains(Other, StringComparison.Ordinal) || target.EndsWith("other", StringComparison.Ordinal) ? "other" : "mine"));
    }

    private static string FilterAnswer(string target, string body) =>
        !body.Contains("any_", StringComparison.Ordinal) ? $"[{Thing("mine")},{Thing("other")}]"
        : target.Contains("deployments", StringComparison.Ordinal) && !body.Contains("\"mine\"", StringComparison.Ordinal) ? "[]"
        : $"[{Thing(body.Contains(Other, StringComparison.Ordinal) ? "other" : "mine")}]";

    private static string Thing(string name)
    {
        var id = name == "mine" ? Id : Other;
        return $$"""
            {"id":"{{id}}","name":"{{name}}","slug":"{{name}}","checksum":"sha256:{{name}}","flow_id":"{{id}}","deployment_id":"{{id}}","flow_run_id":"{{id}}","task_run_id":"{{id}}","block_type_id":"{{id}}",
            "work_pool_id":"{{id}}","work_pool_name":"{{name}}","work_queue_name":"{{name}}","tags":["{{name}}"],"block_type":{"slug":"{{name}}"},"state_details":{"flow_run_id":"{{id}}"},"job_variables":{} }
            """;
    }
}
