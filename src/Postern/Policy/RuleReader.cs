using System.Collections.Immutable;
using Postern.Configuration;
using Postern.Model;
using Postern.Policy.Conditions;

namespace Postern.Policy;

/// <summary>Reads the entries of <c>bindings:</c> and <c>deny:</c>.</summary>
internal sealed class RuleReader(NodeReader nodes, WhoReader whoReader, RoleReader roles, string? file, string idPrefix)
{
    // Namespaces are written under the name of the engine whose they are, and so are Prefect's servers.
    private static readonly string[] WhereKeys = ["temporal", .. DimensionNames.All.Where(d => d != Dimensions.Namespace).Select(d => d.Name())];

    public PolicyRule? ReadBinding(ConfigNode node, string path)
    {
        if (nodes.Mapping(node, path, "who", "role", "where", "when", "scope") is not { } body)
        {
            return null;
        }

        var cluster = ReadScope(body, path);
        var who = Required(body, path, "who", "[group:payments]");
        var role = Required(body, path, "role", "viewer");
        if (who is null || role is null)
        {
            return null;
        }

        var where = ReadWhere(body, path, cluster);
        var conditionedOn = where.Aggregate(Dimensions.None, (set, c) => set | c.Dimension);
        if (!cluster && (conditionedOn & PermissionDimensions.Places) == Dimensions.None)
        {
            nodes.Error(path, body.Line, conditionedOn switch
            {
                Dimensions.None => "it doesn't say where; write where: { temporal: [payments, \"payments-*\"] } for namespaces, where: { prefect: main } for a Prefect server, or scope: cluster",
                _ when (conditionedOn & PermissionDimensions.OfPrefect) == Dimensions.None => "it doesn't say in which namespaces; write where: { temporal: [payments, \"payments-*\"] }, or scope: cluster",
                _ => "it doesn't say on which Prefect server; write where: { prefect: main }",
            });
        }

        // Whoever may do anything at a server may ask what every client asks first.
        var common = (conditionedOn & Dimensions.Server) == Dimensions.None ? UInt128.Zero : Permission.ServerInfo.Bit();
        var granted = nodes.Texts(role, ConfigPath.Join(path, "role")).Select(r => (r.Text, Role: roles.Find(r.Text, nodes, r.Path, r.Line))).ToArray();
        return new PolicyRule
        {
            Id = idPrefix + path,
            Who = whoReader.Read(who, ConfigPath.Join(path, "who")),
            What = [.. granted.Select(g => g.Text)],
            Permissions = granted.Aggregate(common, (set, g) => set | (g.Role?.Permissions ?? UInt128.Zero)),
            Companions = granted.Aggregate(common, (set, g) => set | (g.Role?.Companions ?? UInt128.Zero)),
            Scope = cluster ? RuleScope.Cluster : RuleScope.Namespaces,
            Where = where,
            When = ReadWhen(body, path),
            File = file,
            Line = body.Line,
        };
    }

    public (PolicyRule Rule, ReadPermissions What)? ReadDeny(ConfigNode node, string path)
    {
        if (nodes.Mapping(node, path, "what", "who", "where", "when", "scope", "unless") is not { } body || Required(body, path, "what", "[workflow.terminate]") is not { } what)
        {
            return null;
        }

        var permissions = new PermissionReader(nodes).Read(what, ConfigPath.Join(path, "what"), granting: false);
        var cluster = ReadScope(body, path);
        var rule = new PolicyRule
        {
            Id = idPrefix + path,
            IsDeny = true,
            Who = body["who"] is { } who ? whoReader.Read(who, ConfigPath.Join(path, "who")) : [new Who(WhoKind.Anyone, null, new Glob("*")) { Text = "anyone" }],
            Unless = body["unless"] is { } unless ? whoReader.Read(unless, ConfigPath.Join(path, "unless")) : [],
            What = [.. nodes.Texts(what, ConfigPath.Join(path, "what")).Select(t => t.Text).Distinct(StringComparer.Ordinal)],
            Permissions = permissions.All,
            // A deny without a scope reaches everything that its conditions match: too much of it fails closed.
            Scope = cluster ? RuleScope.Cluster : RuleScope.Both,
            Where = ReadWhere(body, path, cluster),
            When = ReadWhen(body, path),
            File = file,
            Line = body.Line,
        };
        return (rule, permissions);
    }

    private ConfigNode? Required(ConfigMapping body, string path, string key, string example)
    {
        if (body[key] is { } value)
        {
            return value;
        }

        nodes.Error(path, body.Line, $"'{key}' is missing; write {key}: {example}");
        return null;
    }

    private bool ReadScope(ConfigMapping body, string path)
    {
        if (body["scope"] is not { } scope)
        {
            return false;
        }

        if (nodes.Text(scope, ConfigPath.Join(path, "scope")) is { } text && text != "cluster")
        {
            nodes.Error(ConfigPath.Join(path, "scope"), scope.Line, $"'{text}' is no scope; write cluster, or leave the key out and name namespaces, or a Prefect server, under where");
        }

        return true;
    }

    private ImmutableArray<NameCondition> ReadWhere(ConfigMapping body, string path, bool cluster)
    {
        var at = ConfigPath.Join(path, "where");
        if (body["where"] is not { } node || nodes.Mapping(node, at, WhereKeys) is not { } where)
        {
            return [];
        }

        if (where.Entries.Count == 0)
        {
            nodes.Error(at, where.Line, "it names nothing; name something or leave the key out");
        }

        var conditions = new List<NameCondition>();
        foreach (var entry in where.Entries)
        {
            var dimension = Dimensions.Namespace;
            if (entry.Key == "temporal" || (entry.Key != Dimensions.Namespace.Name() && DimensionNames.TryParse(entry.Key, out dimension)))
            {
                var patterns = dimension == Dimensions.Tag ? ReadTags(entry.Value, ConfigPath.Join(at, entry.Key)) : nodes.Globs(entry.Value, ConfigPath.Join(at, entry.Key));
                if (!patterns.IsEmpty)
                {
                    conditions.Add(new NameCondition(dimension, patterns));
                }
            }
        }

        CheckEngines(where, at, cluster);
        return [.. conditions.OrderBy(c => c.Dimension)];
    }

    // No call is of two engines, so a rule that speaks of both never matches.
    private void CheckEngines(ConfigMapping where, string path, bool cluster)
    {
        static bool IsPrefects(string key) => DimensionNames.TryParse(key, out var dimension) && (dimension & PermissionDimensions.OfPrefect) != Dimensions.None;

        var known = where.Entries.Where(e => WhereKeys.Contains(e.Key)).Select(e => e.Key).ToLookup(IsPrefects);
        if (!known[true].Any())
        {
            return;
        }

        if (known[false].Any())
        {
            nodes.Error(path, where.Line, $"{string.Join(", ", known[false])} {(known[false].Count() == 1 ? "is" : "are")} Temporal's and {string.Join(", ", known[true])} "
                + "Prefect's, and no call comes with names of both; write a rule for each engine");
        }
        else if (cluster)
        {
            nodes.Error(path, where.Line, "a Prefect server belongs to no cluster; leave scope: cluster out: where: { prefect: main } is all of a server");
        }
    }

    private ImmutableArray<Glob> ReadTags(ConfigNode node, string path)
    {
        var tags = nodes.Texts(node, path);
        foreach (var (text, at, line) in tags)
        {
            if (TagPattern.Fault(text) is { } fault)
            {
                nodes.Error(at, line, fault);
            }
        }

        return [.. tags.Select(t => t.Text).Distinct(StringComparer.Ordinal).Where(t => TagPattern.Fault(t) is null).Select(t => new Glob(t))];
    }

    private ImmutableArray<WhenCondition> ReadWhen(ConfigMapping body, string path)
    {
        var at = ConfigPath.Join(path, "when");
        if (body["when"] is not { } node || nodes.Mapping(node, at, [.. ConditionKinds.ByKey.Keys]) is not { } when)
        {
            return [];
        }

        if (when.Entries.Count == 0)
        {
            nodes.Error(at, when.Line, "it names nothing; name something or leave the key out");
        }

        var conditions = ImmutableArray.CreateBuilder<WhenCondition>();
        foreach (var entry in when.Entries)
        {
            if (ConditionKinds.ByKey.TryGetValue(entry.Key, out var read) && read(nodes, entry.Value, ConfigPath.Join(at, entry.Key)) is { } condition)
            {
                conditions.Add(condition);
            }
        }

        return conditions.ToImmutable();
    }
}
