using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Engines.Prefect;
using Postern.Model;

namespace Postern.Tests.Engines.Prefect;

/// <summary>
/// Two thousand written bodies of each kind that is judged. One that the gate takes reads the same to the server, and everything that the server would act on was asked for; the rest is
/// refused as unreadable, and nothing is an error of the gate's.
/// </summary>
public sealed class PrefectBodyFuzzTests
{
    private const int Bodies = 2_000;
    private const string Id = "0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22", Other = "11111111-2222-3333-4444-555555555555";

    private static readonly Regex s_uuid = new("^(urn:uuid:)?\\{?([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{12})\\}?$");

    private static readonly string[] s_ids =
    [
        Id, Other, Id.ToUpperInvariant(), Id.Replace("-", "", StringComparison.Ordinal), $"{{{Id}}}", $"urn:uuid:{Id}", $"URN:UUID:{Id}", Id[..^1], Id + " ", $"{Id[..8]}{Id[9..]}", "",
    ];

    private static readonly string[] s_keys =
    [
        "flow_id", "deployment_id", "flow_run_id", "task_run_id", "block_type_id", "name", "slug", "work_pool_name", "work_queue_name", "work_queue_names", "tags", "state", "job_variables",
        "infrastructure_document_id", "enforce_parameter_schema", "paused", "is_paused", "active", "enabled", "include_secrets", "flows", "flow_runs", "deployment_ids", "flow_ids", "flow_run_ids",
        "labels", "data", "values", "resource", "parameters", "postern.caller", "$ref", "block_document_id", "type", "filter", "__prefect_kind", "variable_name",
    ];

    public static TheoryData<string> Kinds => [.. PrefectCatalogue.Shared.Routes.Where(route => route.JudgesBody).GroupBy(route => route.Body).Select(group => $"{group.First().Method} {group.First().Template}")];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Body_ReadsTheSameToTheServer_AndAsksForAllThatItDoes(string kind)
    {
        var (method, template) = (kind[..kind.IndexOf(' ', StringComparison.Ordinal)], kind[(kind.IndexOf(' ', StringComparison.Ordinal) + 1)..]);
        Assert.True(PrefectPath.TryRead(Regex.Replace(template, "{[^}]*}", parameter => parameter.Value is "{id}" or "{schedule_id}" ? Other : "x"), out var path, out _));
        var match = PrefectCatalogue.Shared.Find(method, path)!;
        var random = new Random(kind.Length * 31 + kind.Count(c => c == 'e'));
        var (taken, parsed) = (0, 0);
        for (var i = 0; i < Bodies; i++)
        {
            var body = Bytes(random, Written(random, 0, match.Route.Body is PrefectBody.DeploymentRuns or PrefectBody.Logs or PrefectBody.Events));
            if (!PrefectJson.TryRead(body, out var document, out _))
            {
                continue;
            }

            using (document)
            {
                parsed++;
                var read = PythonJson.Read(body);
                Assert.Equal(PythonJson.Write(read), PythonJson.Write(Of(document!.RootElement)));
                if (PrefectReader.Read(match, path, document.RootElement, "main") is { Operation: { } operation })
                {
                    taken++;
                    Judged(match.Route.Body, read, Enumerable.Range(0, operation.Count).Select(n => operation[n]).ToList(), Encoding.UTF8.GetString(body));
                }
            }
        }

        Assert.InRange(parsed, Bodies / 4, Bodies - 1);
        Assert.InRange(taken, 1, parsed);
    }

    // What the server would do by its own reading of the body, said once more and apart from the gate's reader.
    private static void Judged(PrefectBody kind, object? body, List<Demand> demands, string text)
    {
        bool Has(Permission permission) => demands.Exists(demand => demand.Permission == permission);
        void Asks(bool needs, Permission permission) => Assert.True(!needs || Has(permission), $"{permission.Name()}: {text}");
        foreach (var one in body is List<object?> list ? list : [body])
        {
            var state = Get(Get(one, "state"), "type") as string;
            switch (kind)
            {
                case PrefectBody.State or PrefectBody.BulkState:
                    Asks(state is "CANCELLING" or "CANCELLED", Permission.FlowRunCancel);
                    Asks(state is "SCHEDULED", Permission.FlowRunRetry);
                    Asks(state is "COMPLETED" or "RUNNING", Permission.FlowRunReport);
                    break;
                case PrefectBody.DeploymentRun or PrefectBody.DeploymentRuns:
                    Asks(Moves(one) || Get(one, "enforce_parameter_schema") is false || state is "RUNNING" or "COMPLETED" or "CANCELLED", Permission.DeploymentOverride);
                    break;
                case PrefectBody.FlowRunCreate:
                    Asks(Moves(one) || Get(one, "work_pool_name") is string, Permission.DeploymentOverride);
                    Asks(Canonical(Get(one, "deployment_id")) is not null, Permission.DeploymentRun);
                    Means(one, "flow_id");
                    Means(one, "deployment_id");
                    break;
                case PrefectBody.BlockFilter:
                    Asks(Get(one, "include_secrets") is true or "true" or "on", Permission.SecretRead);
                    break;
                case PrefectBody.BlockDocumentCreate or PrefectBody.BlockDocumentUpdate:
                    Asks(Refers(Get(one, "data")), Permission.SecretRead);
                    break;
                case PrefectBody.DeploymentCreate:
                    Means(one, "flow_id");
                    break;
                case PrefectBody.TaskRunCreate or PrefectBody.ArtifactCreate or PrefectBody.Logs:
                    Means(one, "flow_run_id");
                    break;
                case PrefectBody.DeploymentIds or PrefectBody.FlowIds or PrefectBody.FlowRunIds:
                    var key = kind switch { PrefectBody.DeploymentIds => "deployment_ids", PrefectBody.FlowIds => "flow_ids", _ => "flow_run_ids" };
                    foreach (var id in (Get(one, key) as List<object?>)?.Select(Canonical).OfType<string>() ?? [])
                    {
                        Assert.True(demands.Exists(demand => demand.Prefect!.ObjectId == id), $"{id}: {text}");
                    }

                    break;
                case PrefectBody.ScheduleUpdate or PrefectBody.PoolUpdate or PrefectBody.QueueUpdate or PrefectBody.DeploymentUpdate or PrefectBody.AutomationUpdate:
                    // More than one thing changed is never only a pause.
                    Assert.True(one is not Dictionary<string, object?> { Count: > 1 } || !demands[0].Permission.Name().EndsWith(".pause", StringComparison.Ordinal), text);
                    break;
                default:
                    break;
            }
        }

        void Means(object? one, string key)
        {
            if (Canonical(Get(one, key)) is { } id)
            {
                Assert.True(demands.Exists(demand => demand.Prefect!.ObjectId?.StartsWith(id, StringComparison.Ordinal) == true), $"{key}: {text}");
            }
        }
    }

    private static bool Moves(object? run) =>
        Get(run, "job_variables") is Dictionary<string, object?> { Count: > 0 } || Get(run, "work_queue_name") is string || Canonical(Get(run, "infrastructure_document_id")) is not null;

    private static bool Refers(object? value) => value switch
    {
        List<object?> list => list.Exists(Refers),
        Dictionary<string, object?> map => Canonical(Get(Get(map, "$ref"), "block_document_id")) is not null || map.Values.Any(Refers),
        _ => false,
    };

    private static object? Get(object? from, string key) => from is Dictionary<string, object?> map ? map.GetValueOrDefault(key) : null;

    private static string? Canonical(object? id) => id is string text && s_uuid.Match(text) is { Success: true } match ? string.Join('-', Enumerable.Range(2, 5).Select(n => match.Groups[n].Value.ToLowerInvariant())) : null;

    private static object? Of(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().ToDictionary(member => member.Name, member => Of(member.Value)),
        JsonValueKind.Array => value.EnumerateArray().Select(Of).ToList(),
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => new PythonJson.Number(value.GetRawText()),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    private static string Written(Random random, int depth, bool asList)
    {
        if (asList && random.Next(20) != 0)
        {
            return "[" + string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => Written(random, depth, asList: false))) + "]";
        }

        var members = Enumerable.Range(0, random.Next(1, 6)).Select(_ => $"{Blank(random)}\"{Escaped(random, s_keys[random.Next(s_keys.Length)])}\"{Blank(random)}:{Value(random, depth)}");
        // What some kinds can't be read without.
        var needed = depth == 0 && random.Next(3) == 0 ? $"\"flow_id\":\"{s_ids[random.Next(6)]}\",\"name\":\"etl\"," : "";
        return "{" + needed + string.Join(',', members) + "}";
    }

    private static string Value(Random random, int depth) => random.Next(14) switch
    {
        0 => "null",
        1 => random.Next(2) == 0 ? "true" : "false",
        2 => new[] { "0", "1", "-0", "1.0", "1e0", "0.0", "1e999", "123456789012345678901234567890", "NaN", "-Infinity", "01", "+1", ".5" }[random.Next(13)],
        3 or 4 or 5 => $"\"{Escaped(random, s_ids[random.Next(s_ids.Length)])}\"",
        6 => $"\"{Escaped(random, new[] { "true", "on", "false", "RUNNING", "etl", "jinja", "none", "\u00e4", "\ud83e\udd8a", "" }[random.Next(10)])}\"",
        7 => $"[{string.Join(',', Enumerable.Range(0, random.Next(3)).Select(_ => $"\"{s_ids[random.Next(5)]}\""))}]",
        8 => $$"""{"type":"{{Escaped(random, new[] { "CANCELLED", "CANCELLING", "SCHEDULED", "RUNNING", "COMPLETED", "cancelled" }[random.Next(6)])}}"}""",
        9 => "{}",
        10 => $$"""{"$ref":{"block_document_id":"{{s_ids[random.Next(s_ids.Length)]}}"} }""",
        11 => random.Next(8) == 0 ? "\"\\ud800\"" : "\"\\ud83e\\udd8a\"",
        _ => depth < 3 ? Written(random, depth + 1, asList: random.Next(3) == 0) : "[]",
    };

    private static string Blank(Random random) => random.Next(12) == 0 ? new[] { " ", "\t", "\r\n", "/**/" }[random.Next(4)] : "";

    private static string Escaped(Random random, string text) => random.Next(5) == 0
        ? string.Concat(text.Select(c => random.Next(4) == 0 && c is not ('\\' or '"') ? $"\\u{(random.Next(2) == 0 ? ((int)c).ToString("x4") : ((int)c).ToString("X4"))}" : c.ToString()))
        : text;

    private static byte[] Bytes(Random random, string text) => random.Next(30) switch
    {
        0 => Encoding.Unicode.GetBytes(text),
        1 => Encoding.BigEndianUnicode.GetBytes(text),
        2 => [.. Encoding.UTF8.GetPreamble(), .. Encoding.UTF8.GetBytes(text)],
        3 => Encoding.UTF8.GetBytes(text + "{}"),
        4 => Encoding.UTF8.GetBytes(text.Replace(',', random.Next(2) == 0 ? ';' : '\n')),
        5 => Encoding.UTF8.GetBytes(text.TrimEnd('}') + ",}"),
        6 => [.. Encoding.UTF8.GetBytes(text), 0],
        7 => Encoding.Latin1.GetBytes(text),
        _ => Encoding.UTF8.GetBytes(text),
    };
}
