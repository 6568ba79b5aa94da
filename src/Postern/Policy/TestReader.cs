using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Reads the entries of <c>tests:</c>.</summary>
internal sealed class TestReader(NodeReader nodes, IReadOnlyList<string> issuers, string? file, string idPrefix)
{
    private static readonly (string Word, CallerKind Kind)[] Kinds = [("user", CallerKind.Human), ("account", CallerKind.Service), ("agent", CallerKind.Agent)];
    private static readonly string[] Outcomes = ["allow", "deny", "cannot-tell"];
    private static readonly string[] Names = [.. DimensionNames.All.Select(d => d.Name())];

    public PolicyTest? Read(ConfigNode node, string path)
    {
        if (nodes.Mapping(node, path, "caller", "call", "with", "expect", "from", "at") is not { } body)
        {
            return null;
        }

        var caller = body["caller"] is { } who ? ReadCaller(who, ConfigPath.Join(path, "caller")) : Missing<Caller>(body, path, "caller", "{ user: alice@example.com }");
        var call = body["call"] is { } what ? nodes.Text(what, ConfigPath.Join(path, "call")) : Missing<string>(body, path, "call", "temporal/StartWorkflowExecution");
        var expect = body["expect"] is { } outcome ? ReadExpect(outcome, ConfigPath.Join(path, "expect")) : Missing<object>(body, path, "expect", "allow");
        var with = ReadWith(body, ConfigPath.Join(path, "with"));
        var from = ReadFrom(body, ConfigPath.Join(path, "from"));
        var at = ReadAt(body, ConfigPath.Join(path, "at"));
        return caller is null || call is null || expect is not DecisionKind kind ? null : new PolicyTest
        {
            Id = idPrefix + path, Caller = caller, Call = call, With = with, Expect = kind, From = from, At = at, File = file, Path = path, Line = body.Line,
        };
    }

    private T? Missing<T>(ConfigMapping body, string path, string key, string example)
        where T : class
    {
        nodes.Error(path, body.Line, $"'{key}' is missing; write {key}: {example}");
        return null;
    }

    private object? ReadExpect(ConfigNode node, string path)
    {
        if (nodes.Text(node, path) is not { } text)
        {
            return null;
        }

        switch (text)
        {
            case "allow": return DecisionKind.Allow;
            case "deny": return DecisionKind.Deny;
            case "cannot-tell": return DecisionKind.CannotTell;
            default:
                nodes.Error(path, node.Line, $"'{text}' is no outcome; {NearestName.Advice(text, Outcomes)}");
                return null;
        }
    }

    private Caller? ReadCaller(ConfigNode node, string path)
    {
        if (nodes.Mapping(node, path, "user", "account", "agent", "groups", "claims", "issuer", "certificate") is not { } body)
        {
            return null;
        }

        var named = Kinds.Where(k => body[k.Word] is not null).ToArray();
        if (named.Length != 1)
        {
            nodes.Error(path, body.Line, "a caller is one of user, account and agent; write { user: alice@example.com }");
            return null;
        }

        var (word, kind) = named[0];
        var subject = nodes.Text(body[word]!, ConfigPath.Join(path, word));
        var issuer = ReadIssuer(body, path, kind);
        if (subject is null || issuer is null)
        {
            return null;
        }

        return new Caller
        {
            Kind = kind, Issuer = issuer, Subject = subject, Name = $"{issuer}/{subject}", DisplayName = subject,
            Groups = body["groups"] is { } groups ? [.. nodes.Texts(groups, ConfigPath.Join(path, "groups")).Select(t => t.Text)] : [],
            Claims = body["claims"] is { } claims ? ReadClaims(claims, ConfigPath.Join(path, "claims")) : default,
            Certificate = body["certificate"] is { } certificate ? nodes.Text(certificate, ConfigPath.Join(path, "certificate")) : null,
        };
    }

    private string? ReadIssuer(ConfigMapping body, string path, CallerKind kind)
    {
        var at = ConfigPath.Join(path, "issuer");
        if (body["issuer"] is { } node)
        {
            var name = nodes.Text(node, at);
            if (name is not null && !issuers.Contains(name))
            {
                nodes.Error(at, node.Line, $"no issuer is named '{name}'; {NearestName.Advice(name, issuers)}");
                return null;
            }

            return name;
        }

        if (IssuerNames.Meant(issuers, kind != CallerKind.Human) is { } meant)
        {
            return meant;
        }

        nodes.Error(path, body.Line, issuers.Count == 0 ? "no issuer is configured" : $"there are {issuers.Count} issuers; write issuer: {issuers[0]}");
        return null;
    }

    private JsonElement ReadClaims(ConfigNode node, string path)
    {
        if (node is ConfigMapping)
        {
            return JsonSerializer.SerializeToElement(Json(node));
        }

        nodes.Error(path, node.Line, $"this holds {node.Kind}; it takes a mapping from claims to values");
        return default;
    }

    private static JsonNode? Json(ConfigNode node) => node switch
    {
        ConfigMapping mapping => new JsonObject(mapping.Entries.Select(e => KeyValuePair.Create(e.Key, Json(e.Value)))),
        ConfigList list => new JsonArray([.. list.Items.Select(Json)]),
        ConfigScalar { IsNull: false } scalar => JsonValue.Create(scalar.Text),
        _ => null,
    };

    private Demand ReadWith(ConfigMapping body, string path)
    {
        var names = new Demand { Permission = Permission.None };
        if (body["with"] is not { } node || nodes.Mapping(node, path, Names) is not { } with)
        {
            return names;
        }

        foreach (var entry in with.Entries)
        {
            var at = ConfigPath.Join(path, entry.Key);
            if (DimensionNames.TryParse(entry.Key, out var dimension) && (dimension == Dimensions.Tag ? ReadTags(entry.Value, at) : nodes.Text(entry.Value, at)) is { } name)
            {
                names = names.WithName(dimension, name);
            }
        }

        return names;
    }

    // An object has any number of them, also none.
    private string? ReadTags(ConfigNode node, string path)
    {
        var tags = node is ConfigList { Items.Count: 0 } ? [] : nodes.Texts(node, path);
        foreach (var (_, at, line) in tags.Where(t => t.Text.Contains(PrefectNames.TagMark, StringComparison.Ordinal)))
        {
            nodes.Error(at, line, TagPattern.Fault(PrefectNames.TagMark.ToString())!);
        }

        return PrefectNames.Write(tags.Select(t => t.Text));
    }

    private IPAddress? ReadFrom(ConfigMapping body, string path)
    {
        if (body["from"] is not { } node || nodes.Text(node, path) is not { } text)
        {
            return null;
        }

        if (!IPAddress.TryParse(text, out var address))
        {
            nodes.Error(path, node.Line, $"'{text}' is no address; write one such as 10.1.2.3");
        }

        return address;
    }

    private DateTimeOffset ReadAt(ConfigMapping body, string path)
    {
        if (body["at"] is not { } node || nodes.Text(node, path) is not { } text)
        {
            return default;
        }

        // An offset is required: the same test must not come out differently on another machine.
        string[] forms = ["yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ssK"];
        if ((text.EndsWith('Z') || text.LastIndexOfAny(['+', '-']) > 10)
            && DateTimeOffset.TryParseExact(text, forms, CultureInfo.InvariantCulture, DateTimeStyles.None, out var at))
        {
            return at;
        }

        nodes.Error(path, node.Line, $"'{text}' is no time; write one with its offset, such as 2026-03-02T09:30Z or 2026-03-02T09:30+01:00");
        return default;
    }
}
