using System.Text.Json;
using Postern.Model;

namespace Postern.Engines.Prefect;

/// <summary>Bodies about pools, blocks, variables, logs and events.</summary>
internal sealed partial class PrefectDemands
{
    private void QueueUpdate(JsonElement body)
    {
        PausesOnly(body, "is_paused", Permission.WorkPoolPause);
        if (Text(body, "name") is { } name)
        {
            AddChanged(Renamed(_first, Dimensions.WorkQueue, name));
        }
    }

    // Names of none are all of the pool's queues: a rule on queues can't be decided then.
    private void QueueNames(JsonElement body)
    {
        if (!PrefectValues.TryTexts(body, "work_queue_names", MostNames, out var names))
        {
            Refuse("work_queue_names in its body isn't a list of texts, or too long");
            return;
        }

        if (names is null or [])
        {
            _first = _first with { Unknown = Dimensions.WorkQueue };
            return;
        }

        var pool = _first;
        Name(Dimensions.WorkQueue, names[0]);
        foreach (var name in names.Skip(1))
        {
            AddChanged(Renamed(pool, Dimensions.WorkQueue, name));
        }
    }

    private void Heartbeat(JsonElement body)
    {
        if (Text(body, "name", isRequired: true) is { } worker)
        {
            _target = $"{_target}/{worker}";
        }
    }

    private void BlockFilter(JsonElement? body)
    {
        var filter = Object(body);
        if (!PrefectValues.IsPlainlyFalseOrMissing(filter, "include_secrets"))
        {
            AddSecrets();
        }
    }

    private void BlockDocumentCreate(JsonElement body)
    {
        Of(body, "block_type_id", isRequired: true);
        if (Text(body, "name") is { } name)
        {
            Name(Dimensions.Block, name);
            _target = name;
        }

        References(body);
    }

    // A document that refers to another is read with it, secrets included: whoever refers to one must be allowed to read it so.
    private void References(JsonElement body)
    {
        if (body.ValueKind == JsonValueKind.Object && body.TryGetProperty("data", out var data))
        {
            FindReferences(data);
        }
    }

    private void FindReferences(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var element in value.EnumerateArray())
            {
                FindReferences(element);
            }
        }
        else if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in value.EnumerateObject())
            {
                if (string.Equals(member.Name, "$ref", StringComparison.Ordinal))
                {
                    AddReference(member.Value);
                }

                FindReferences(member.Value);
            }
        }
    }

    private void AddReference(JsonElement reference)
    {
        var names = new PrefectNames { Server = server };
        var isKnown = PrefectValues.TryId(reference, "block_document_id", out var id) && id is not null;
        Add(new Demand
        {
            Permission = Permission.SecretRead,
            Prefect = isKnown ? names with { Object = PrefectObject.BlockDocument, ObjectId = id } : names,
            Unknown = Dimensions.BlockType | Dimensions.Block,
        });
    }

    private void VariableCreate(JsonElement body)
    {
        Created(body, "name", Dimensions.Variable);
        _first = Tagged(_first, Tags(body));
    }

    // A batch is of one process, which runs one flow; a worker's holds those of its own besides.
    private void Logs(JsonElement? body)
    {
        var all = _first;
        var seen = new HashSet<(string?, string?)>();
        foreach (var line in Elements(body))
        {
            var entry = Object(line);
            var (run, task) = (IdIn(entry, "flow_run_id"), IdIn(entry, "task_run_id"));
            if (Fault is not null || !seen.Add((run, run is null ? task : null)))
            {
                continue;
            }

            var demand = RunOf(all, run, task);
            if (seen.Count == 1)
            {
                _first = demand;
                _target = demand.Prefect!.ObjectId;
            }
            else
            {
                Add(demand);
            }
        }

        if (seen.Count == 0)
        {
            AboutNothing();
        }
    }

    private void Events(JsonElement? body)
    {
        foreach (var made in Elements(body))
        {
            if (PrefectValues.TryObject(Object(made), "resource", out var resource))
            {
                _target ??= Text(resource, "prefect.resource.id");
            }
            else
            {
                Refuse("an event's resource isn't an object");
            }
        }
    }

    private void EventPage()
    {
        if (!PrefectPageToken.TryRead(query, out var page))
        {
            Refuse("its page-token isn't one of the server's");
            return;
        }

        page!.Dispose();
    }

    // Marked values stand for something else: of a variable, the server compares what it holds and may say so in its answer.
    private void Values(JsonElement body)
    {
        if (body.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in body.EnumerateObject())
            {
                FindVariables(member.Value);
            }
        }
    }

    private void FindVariables(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var element in value.EnumerateArray())
            {
                FindVariables(element);
            }
        }
        else if (value.ValueKind == JsonValueKind.Object)
        {
            if (value.TryGetProperty("__prefect_kind", out var kind) && !(kind.ValueKind == JsonValueKind.String && kind.GetString() is "none" or "json"))
            {
                AddVariable(value);
            }

            foreach (var member in value.EnumerateObject())
            {
                FindVariables(member.Value);
            }
        }
    }

    private void AddVariable(JsonElement value)
    {
        var demand = new Demand { Permission = Permission.VariableRead, Prefect = new PrefectNames { Server = server }, Unknown = Dimensions.Variable | Dimensions.Tag };
        Add(PrefectValues.TryText(value, "variable_name", out var name) && name is not null ? Renamed(demand, Dimensions.Variable, name) with { Prefect = new PrefectNames { Server = server, Variable = name, Object = PrefectObject.Variable } } : demand);
    }
}
