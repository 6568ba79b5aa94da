using System.Text.Json;
using Postern.Model;

namespace Postern.Engines.Prefect;

/// <summary>One call on its way from body to demands. The first fault counts.</summary>
internal sealed partial class PrefectDemands(PrefectMatch match, PrefectQuery query, string server)
{
    // As many as the server's longest list has. Each may have to be looked up.
    private const int MostNames = 200;

    private const Dimensions OfPool = Dimensions.WorkPool | Dimensions.WorkQueue;

    private readonly PrefectRoute _route = match.Route;
    private readonly List<Demand> _more = [];
    private Demand _first;
    private string? _target;

    /// <summary>Why the call can't be read.</summary>
    public string? Fault { get; private set; }

    public Operation Read(JsonElement? body)
    {
        var names = new PrefectNames { Server = server };
        foreach (var (parameter, dimension) in _route.Named)
        {
            names = names.WithName(dimension, match.ValueOf(parameter));
        }

        if (_route.Id is { } id)
        {
            names = names with { Object = _route.Object, ObjectId = match.ValueOf(id) };
        }
        else if (_route.Named.Count > 0)
        {
            // By its name, where the server finds it by that too.
            names = names with { Object = _route.Object };
        }

        _target = match.Values.Length == 0 ? null : string.Join('/', match.Values!);
        _first = new Demand { Permission = _route.Base, Prefect = names, Unknown = _route.Unknown, UnlessDenied = _route.IsForAnyCaller };
        ReadBody(body);
        if (_route.TellsSecrets && query.ValuesOf("include_secrets").Any(value => !PrefectValues.IsPlainlyFalse(value)))
        {
            AddSecrets();
        }

        return new Operation { Method = _route.Operation, Target = _target, First = _first, More = [.. _more] };
    }

    private void ReadBody(JsonElement? body)
    {
        switch (_route.Body)
        {
            case PrefectBody.Filter: Object(body); break;
            case PrefectBody.BlockFilter: BlockFilter(body); break;
            case PrefectBody.State or PrefectBody.BulkState: State(Object(body)); break;
            case PrefectBody.Flow: Flow(Object(body)); break;
            case PrefectBody.FlowUpdate or PrefectBody.VariableUpdate: Renamed(Object(body)); break;
            case PrefectBody.FlowRunCreate: FlowRunCreate(Object(body)); break;
            case PrefectBody.FlowRunUpdate: FlowRunUpdate(Object(body)); break;
            case PrefectBody.TaskRunCreate or PrefectBody.ArtifactCreate: OfRun(Object(body)); break;
            case PrefectBody.DeploymentRun: DeploymentRun(Object(body)); break;
            case PrefectBody.DeploymentRuns: DeploymentRuns(body); break;
            case PrefectBody.DeploymentCreate: DeploymentCreate(Object(body)); break;
            case PrefectBody.DeploymentUpdate: DeploymentUpdate(Object(body)); break;
            case PrefectBody.ScheduleUpdate: PausesOnly(Object(body), "active", Permission.DeploymentPause); break;
            case PrefectBody.DeploymentIds: Each(Object(body), "deployment_ids", isRequired: true); break;
            case PrefectBody.FlowIds: Each(Object(body), "flow_ids", isRequired: true); break;
            case PrefectBody.FlowRunIds: Each(Object(body), "flow_run_ids", isRequired: true); break;
            case PrefectBody.PoolCreate: Created(Object(body), "name", Dimensions.WorkPool); break;
            case PrefectBody.PoolUpdate: PausesOnly(Object(body), "is_paused", Permission.WorkPoolPause); break;
            case PrefectBody.QueueCreate: Created(Object(body), "name", Dimensions.WorkQueue); break;
            case PrefectBody.QueueUpdate: QueueUpdate(Object(body)); break;
            case PrefectBody.QueueNames: QueueNames(Object(body)); break;
            case PrefectBody.Heartbeat: Heartbeat(Object(body)); break;
            case PrefectBody.BlockDocumentCreate: BlockDocumentCreate(Object(body)); break;
            case PrefectBody.BlockDocumentUpdate: References(Object(body)); break;
            case PrefectBody.BlockTypeCreate: Created(Object(body), "slug", Dimensions.BlockType); break;
            case PrefectBody.BlockSchemaCreate: Of(Object(body), "block_type_id", isRequired: true); break;
            case PrefectBody.VariableCreate: VariableCreate(Object(body)); break;
            case PrefectBody.AutomationUpdate: PausesOnly(Object(body), "enabled", Permission.AutomationPause); break;
            case PrefectBody.Logs: Logs(body); break;
            case PrefectBody.Events: Events(body); break;
            case PrefectBody.Values: Values(Object(body)); break;
            case PrefectBody.EventPage: EventPage(); break;
            case PrefectBody.FlowRunQuery: Queried("flow_run_id"); break;
            case PrefectBody.TaskRunQuery: Queried("task_run_id"); break;
            default: break;
        }
    }

    // Bodies of the server are objects but for a few; what it would take for another kind it answers with 422.
    private JsonElement Object(JsonElement? body)
    {
        if (body is null || body.Value.ValueKind == JsonValueKind.Object)
        {
            return body ?? default;
        }

        Refuse("its body isn't a JSON object");
        return default;
    }

    private JsonElement.ArrayEnumerator Elements(JsonElement? body)
    {
        if (body is { ValueKind: JsonValueKind.Array } array)
        {
            return array.EnumerateArray();
        }

        Refuse("its body isn't a JSON array");
        return default;
    }

    private void Refuse(string fault) => Fault ??= fault;

    private void Add(in Demand demand)
    {
        if (_more.Count >= MostNames)
        {
            Refuse("it names too many things for one call");
            return;
        }

        if (!_more.Contains(demand))
        {
            _more.Add(demand);
        }
    }

    // The same thing under another permission, whose names are looked up in the same way.
    private Demand Also(Permission permission) => _first with { Permission = permission, UnlessDenied = false, Unknown = _first.Unknown & PermissionDimensions.Of(permission) };

    private void AddSecrets() => Add(Also(Permission.SecretRead));

    // A name in the body for what the call is about or makes.
    private void Name(Dimensions dimension, string? name)
    {
        if (name is not null)
        {
            _first = Renamed(_first, dimension, name);
        }
    }

    private static Demand Renamed(in Demand demand, Dimensions dimension, string name)
        => demand with { Prefect = demand.Prefect!.WithName(dimension, name), Unknown = demand.Unknown & ~dimension };

    private static Demand Tagged(in Demand demand, string? tags)
        => tags is null ? demand with { Unknown = demand.Unknown | Dimensions.Tag } : demand with { Prefect = demand.Prefect! with { Tags = tags }, Unknown = demand.Unknown & ~Dimensions.Tag };

    // What the body's id names, in place of what the path does.
    private static Demand About(in Demand demand, PrefectObject kind, string? id)
        => id is null ? demand with { Prefect = demand.Prefect! with { Object = PrefectObject.None, ObjectId = null }, Unknown = Dimensions.None }
            : demand with { Prefect = demand.Prefect! with { Object = kind, ObjectId = id } };

    private string? Text(JsonElement body, string key, bool isRequired = false)
    {
        if (PrefectValues.TryText(body, key, out var text) && !(isRequired && text is null))
        {
            return text;
        }

        Refuse($"{key} in its body isn't text");
        return null;
    }

    private string? IdIn(JsonElement body, string key, bool isRequired = false)
    {
        if (PrefectValues.TryId(body, key, out var id) && !(isRequired && id is null))
        {
            return id;
        }

        Refuse($"{key} in its body isn't a UUID");
        return null;
    }

    // The tags of something new; the server takes none for an empty list.
    private string? Tags(JsonElement body)
    {
        if (PrefectValues.TryTexts(body, "tags", MostNames, out var tags))
        {
            return PrefectNames.Write(tags ?? []);
        }

        Refuse("tags in its body isn't a list of texts");
        return null;
    }

    private void Created(JsonElement body, string key, Dimensions dimension)
    {
        var name = Text(body, key, isRequired: true);
        Name(dimension, name);
        _target = _target is null ? name : $"{_target}/{name}";
    }

    // About the one thing that a body's id names.
    private void Of(JsonElement body, string key, bool isRequired)
    {
        var id = IdIn(body, key, isRequired);
        _first = About(_first, _route.Object, id);
        _target ??= id;
    }

    // About each of the things that a list of ids names.
    private void Each(JsonElement body, string key, bool isRequired)
    {
        if (!PrefectValues.TryIds(body, key, MostNames, out var ids) || (isRequired && ids is null))
        {
            Refuse($"{key} in its body isn't a list of UUIDs, or too long");
            return;
        }

        AboutEach(ids ?? []);
    }

    private void AboutEach(List<string> ids)
    {
        var all = _first;
        if (ids.Count == 0)
        {
            AboutNothing();
            return;
        }

        _first = About(all, _route.Object, ids[0]);
        _target ??= ids[0];
        foreach (var id in ids.Skip(1).Distinct(StringComparer.Ordinal))
        {
            AddChanged(About(all, _route.Object, id));
        }
    }

    // An empty list is about none: a rule on names has nothing to say to it. Runs are handed out to whoever may have some.
    private void AboutNothing()
    {
        if (_route.Class != RouteClass.Poll)
        {
            _first = _first with { Waived = _first.Unknown, Unknown = Dimensions.None };
        }
    }

    private void Queried(string key)
    {
        var ids = new List<string>();
        foreach (var value in query.ValuesOf(key))
        {
            if (!PrefectId.TryRead(value, out var id))
            {
                Refuse($"{key} in its query isn't a UUID");
                return;
            }

            ids.Add(id);
        }

        if (ids.Count is 0 or > MostNames)
        {
            Refuse($"{key} is missing in its query");
            return;
        }

        AboutEach(ids);
    }

    // Stopping and going on again, where the body says nothing else.
    private void PausesOnly(JsonElement body, string key, Permission permission)
    {
        if (PrefectValues.HasOnly(body, key))
        {
            _first = Also(permission);
        }
    }
}
