using Postern.Engines.Prefect;
using Postern.Model;

namespace Postern.Tests.Engines.Prefect;

public sealed class PrefectCatalogueTests
{
    private const string Id = "0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22";

    // What the server has beside its own description.
    private static readonly string[] s_undescribed =
    [
        "GET /api/docs", "GET /api/events/in", "GET /api/events/out", "GET /api/logs/out", "GET /api/metrics", "GET /api/openapi.json", "GET /api/redoc", "GET /api/static/{file}",
        "GET /api/task_runs/subscriptions/scheduled", "GET /api/work_pools/{work_pool_name}/workers/connect", "GET /docs", "GET /metrics", "GET /openapi.json", "GET /redoc",
        "GET /ui-settings", "GET /{file}", "GET /{page}",
    ];

    [Fact]
    public void Routes_AgainstTheServersDescription_HaveEveryOperationAndNoRowIsLeftOver()
    {
        Assert.Equal(188, PrefectFacts.Operations.Count);
        Assert.Equal(
            PrefectFacts.Operations.Select(o => o.ToString()).Concat(s_undescribed).Order(StringComparer.Ordinal),
            PrefectCatalogue.Shared.Routes.Select(r => r.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Routes_Operations_AreUniqueAndTheServersOwnNamesWhereTheyCan()
    {
        Assert.Equal(PrefectCatalogue.Shared.Routes.Count, PrefectCatalogue.Shared.Routes.Select(r => r.Operation).Distinct(StringComparer.Ordinal).Count());
        var renamed = PrefectFacts.Operations.Select(o => (Described: o, Row(o).Operation)).Where(p => !p.Described.Name.StartsWith(p.Operation + "_", StringComparison.Ordinal)).Select(p => p.Operation);
        // Functions that share a name in the server, and one that its description spells otherwise.
        Assert.Equal(
            ["create_work_pool_queue", "delete_work_pool_queue", "read_work_pool_queue", "read_work_pool_queues", "update_work_pool_queue", "validate_automation_template"],
            renamed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Routes_Filters_AreThoseOfTheBody()
    {
        foreach (var described in PrefectFacts.Operations)
        {
            var row = Row(described);
            Assert.True(described.Filters.Order().SequenceEqual(PrefectFilterNames.Of(row.Filters).Order()) || row.Body == PrefectBody.EventPage, $"{described}: {string.Join(' ', PrefectFilterNames.Of(row.Filters))}");
            Assert.True(row.Family == PrefectFilters.None || (row.Family & row.Filters) == row.Family, described.ToString());
        }
    }

    // What a row says it doesn't know is of its permission, and it doesn't say it of what its path names.
    [Fact]
    public void Routes_Dimensions_AreThoseOfTheirPermission()
    {
        foreach (var row in PrefectCatalogue.Shared.Routes)
        {
            var named = row.Named.Aggregate(Dimensions.None, (set, n) => set | n.Dimension);
            Assert.True((PermissionDimensions.Of(row.Base) & (row.Unknown | named | row.InBody)) == (row.Unknown | named | row.InBody), row.ToString());
            Assert.True((row.Unknown & named) == Dimensions.None && (row.Unknown & row.InBody) == Dimensions.None, row.ToString());
            Assert.All(row.Named, n => Assert.Contains($"{{{n.Parameter}}}", row.Template, StringComparison.Ordinal));
            Assert.True(row.Id is null || row.Template.Contains($"{{{row.Id}}}", StringComparison.Ordinal), row.ToString());
            Assert.Equal(s_spansNothing.Contains(row.Operation), (DimensionsOf(row) & ~named & ~row.InBody) != Dimensions.None && row.Unknown == Dimensions.None);
        }
    }

    // Calls on a whole pool, of which a queue is a part; workers of no pool; a worker's channel, which names no queue.
    private static readonly string[] s_spansNothing =
    [
        "create_work_pool", "read_work_pool", "update_work_pool", "delete_work_pool", "read_work_pool_concurrency_status", "delete_worker", "worker_heartbeat", "worker_channel_connect",
        "read_task_workers", "create_block_type", "read_block_type_by_slug",
    ];

    [Fact]
    public void Find_EveryRecordedRequest_FindsTheRouteThatTheServerTook()
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var request in PrefectFacts.Requests)
        {
            var match = PrefectPath.TryRead(request.Target, out var path, out _) ? PrefectCatalogue.Shared.Find(request.Method, path) : null;
            switch (request.Route)
            {
                case "(unknown api route)" or "(ui page)" when request.Target.Contains("api", StringComparison.OrdinalIgnoreCase) && request.Target != "/api/metrics":
                    Assert.True(match is null, request.ToString());
                    break;
                case var route when route.EndsWith(" (method not allowed)", StringComparison.Ordinal):
                    Assert.True(match is null, request.ToString());
                    break;
                case "(ui asset)":
                    Assert.True(match?.Route == PrefectRoutes.Asset, request.ToString());
                    break;
                case "/" or "(ui page)" when request.Target != "/metrics":
                    Assert.True(match?.Route.Class == RouteClass.Asset, request.ToString());
                    break;
                default:
                    if (s_refused.Contains(request.Target) || request.Status == 405)
                    {
                        Assert.True(match is null, request.ToString());
                        break;
                    }

                    Assert.True(match is not null, request.ToString());
                    Assert.Equal(request.Route == "(unknown api route)" || request.Route == "(ui page)" ? request.Target : request.Route, match.Route.Template);
                    Assert.Equal(request.IsSocket, match.Route.IsSocket);
                    Assert.Equal(!s_rewritten.Contains(request.Target), request.Target == match.Target);
                    found.Add(match.Route.ToString());
                    break;
            }
        }

        Assert.Equal(PrefectCatalogue.Shared.Routes.Select(r => r.ToString()).Except(["GET /api/static/{file}", "GET /{file}", "GET /{page}"]).Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }

    // Sent by hand to see how the server takes them: what the gate doesn't take at all.
    private static readonly string[] s_refused =
    [
        "/api/flows/name/etl%2Fx", "/api/flows/name/etl%00", "/api/flows/name/..%2f..%2fadmin%2fsettings", "/api/flows/name/etl;x=1", "/api/flows/{00000000-0000-0000-0000-000000000000}",
    ];

    // And what it writes in another way.
    private static readonly string[] s_rewritten = ["/api/flows/name/%65tl", "/api/flows/00000000000000000000000000000000"];

    [Theory]
    [InlineData("/%61pi/version", "server_version", "/api/version")]
    [InlineData("/api/flows/name/%65tl", "read_flow_by_name", "/api/flows/name/etl")]
    [InlineData("/api/flows/0197D6C45A0B7E1F8C339D0E4B6A1F22", "read_flow", $"/api/flows/{Id}")]
    [InlineData("/api/flows/0197d6c4-5a0b7e1f-8c33-9d0e4b6a1f22?x=1", "read_flow", $"/api/flows/{Id}?x=1")]
    [InlineData("/api/work_pools/filter", "read_work_pool", "/api/work_pools/filter")]
    [InlineData("/api/work_pools/K%C3%B6ln%20%25", "read_work_pool", "/api/work_pools/K%C3%B6ln%20%25")]
    [InlineData("/api/work_pools/a%7cb%3a", "read_work_pool", "/api/work_pools/a%7Cb:")]
    [InlineData("/api/v2/concurrency_limits/0197D6C45A0B7E1F8C339D0E4B6A1F22", "read_concurrency_limit_v2", "/api/v2/concurrency_limits/0197D6C45A0B7E1F8C339D0E4B6A1F22")]
    [InlineData("/api/automations/related-to/prefect.deployment.1", "read_automations_related_to_resource", "/api/automations/related-to/prefect.deployment.1")]
    [InlineData("/api/events/in", "stream_events_in", "/api/events/in")]
    [InlineData("/", "ui_page", "/")]
    [InlineData("/v2/", "ui_page", "/v2/")]
    [InlineData("/v2/runs/flow-run/1?tab=Logs", "ui_page", "/v2/runs/flow-run/1?tab=Logs")]
    [InlineData("/v2/assets/index.js", "ui_asset", "/v2/assets/index.js")]
    [InlineData("/ui-settings", "ui_settings", "/ui-settings")]
    [InlineData("/metrics", "metrics", "/metrics")]
    public void Find_Get_FindsTheOperationAndWhatIsSent(string target, string operation, string sent)
    {
        Assert.True(PrefectPath.TryRead(target, out var path, out var fault), fault);
        var match = PrefectCatalogue.Shared.Find("GET", path);
        Assert.Equal(operation, match?.Route.Operation);
        Assert.Equal(sent, match!.Target);
    }

    [Theory]
    [InlineData("GET", "/api/flows")]
    [InlineData("POST", "/api/flows")]
    [InlineData("POST", "/api/flows/filter/")]
    [InlineData("POST", "/api/events/")]
    [InlineData("GET", "/api")]
    [InlineData("GET", "/api/")]
    [InlineData("GET", "/API/version")]
    [InlineData("GET", "/prefix/api/admin/settings")]
    [InlineData("GET", "/api/pid")]
    [InlineData("POST", "/api/admin/database/clear")]
    [InlineData("POST", "/api/flow_run_notification_policies/filter")]
    [InlineData("GET", "/api/flows/not-an-id")]
    [InlineData("GET", "/api/flows/0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f2")]
    [InlineData("GET", "/api/flows/-0197d6c45a0b7e1f8c339d0e4b6a1f22")]
    [InlineData("GET", "/api/flows/0197d6c4--5a0b7e1f8c339d0e4b6a1f22")]
    [InlineData("GET", "/api/flows/%EF%BC%90197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22")]
    [InlineData("get", "/api/version")]
    [InlineData("HEAD", "/api/health")]
    [InlineData("OPTIONS", "/api/flows/filter")]
    [InlineData("POST", "/")]
    [InlineData("DELETE", "/v2/assets/index.js")]
    [InlineData("QUERY", "/api/flows/filter")]
    public void Find_WhatIsNoOperation_FindsNone(string method, string target)
    {
        Assert.True(PrefectPath.TryRead(target, out var path, out var fault), fault);
        Assert.Null(PrefectCatalogue.Shared.Find(method, path));
    }

    private static PrefectRoute Row(DescribedOperation described) => PrefectCatalogue.Shared.Routes.Single(r => r.ToString() == described.ToString());

    private static Dimensions DimensionsOf(PrefectRoute row)
        => PermissionDimensions.Of(row.Base) & ~(Dimensions.Server | Dimensions.Namespace | Dimensions.TaskQueue);
}
