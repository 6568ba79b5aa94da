using System.Collections.Frozen;
using Postern.Configuration;

namespace Postern.Dev.IdentityProvider;

/// <summary>Turns the text of <c>postern-dev.yaml</c> into a <see cref="DevDirectory"/>, reporting every problem with its line.</summary>
internal sealed class DevDirectoryReader(Problems problems)
{
    private static readonly string[] Sections = ["users", "accounts", "clients"];
    private static readonly string[] Kinds = ["service", "agent"];

    /// <summary>Reads the text; null, with the problems reported, where it can't be used.</summary>
    public DevDirectory? Read(string text)
    {
        if (YamlReader.Read(text, problems) is not { } root)
        {
            return null;
        }

        if (root is not ConfigMapping mapping)
        {
            problems.Error("", root.Line, $"write sections ({string.Join(", ", Sections)}), not {root.Kind}");
            return null;
        }

        CheckKeys("", mapping, Sections);
        var directory = new DevDirectory
        {
            Users = ReadSection(mapping, "users", ReadUser, u => u.Email),
            Accounts = ReadSection(mapping, "accounts", ReadAccount, a => a.Id),
            Clients = ReadSection(mapping, "clients", ReadClient, c => c.Id),
        };
        return problems.HasErrors ? null : directory;
    }

    private FrozenDictionary<string, T> ReadSection<T>(ConfigMapping root, string section, Func<string, ConfigMapping, T?> read, Func<T, string> key)
        where T : class
    {
        var found = new Dictionary<string, T>(StringComparer.Ordinal);
        IReadOnlyList<ConfigNode> items = root[section] switch
        {
            null or ConfigScalar { IsNull: true } => [],
            ConfigList list => list.Items,
            var other => Wrong(section, other, "a list"),
        };
        for (var i = 0; i < items.Count; i++)
        {
            var path = $"{section}[{i}]";
            if (items[i] is not ConfigMapping item)
            {
                problems.Error(path, items[i].Line, $"write a mapping here, not {items[i].Kind}");
            }
            else if (read(path, item) is { } entry && !found.TryAdd(key(entry), entry))
            {
                problems.Error(path, item.Line, $"'{key(entry)}' is there twice; keep one");
            }
        }

        return found.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private DevUser? ReadUser(string path, ConfigMapping item)
    {
        CheckKeys(path, item, ["name", "email", "emailVerified", "groups"]);
        var name = Required(path, item, "name");
        var email = Required(path, item, "email");
        var verified = Word(path, item, "emailVerified") switch
        {
            null or "true" => true,
            "false" => false,
            var other => WrongWord(path, item, "emailVerified", other, ["true", "false"]),
        };
        return name is null || email is null ? null : new DevUser(name, email, verified, Words(path, item, "groups"));
    }

    private DevAccount? ReadAccount(string path, ConfigMapping item)
    {
        CheckKeys(path, item, ["id", "secret", "kind", "groups"]);
        var id = Required(path, item, "id");
        var secret = Required(path, item, "secret");
        var kind = Word(path, item, "kind") ?? "service";
        if (!Kinds.Contains(kind))
        {
            WrongWord(path, item, "kind", kind, Kinds);
        }

        return id is null || secret is null ? null : new DevAccount(id, secret, kind, Words(path, item, "groups"));
    }

    private DevClient? ReadClient(string path, ConfigMapping item)
    {
        CheckKeys(path, item, ["id", "redirectPath"]);
        var id = Required(path, item, "id");
        var redirect = Word(path, item, "redirectPath") ?? "/callback";
        if (!redirect.StartsWith('/') || redirect.AsSpan().ContainsAny("?#"))
        {
            problems.Error($"{path}.redirectPath", item.Line, "write a path that begins with '/', without query and fragment");
        }

        return id is null ? null : new DevClient(id, redirect);
    }

    private void CheckKeys(string path, ConfigMapping item, string[] known)
    {
        foreach (var entry in item.Entries.Where(e => !known.Contains(e.Key)))
        {
            problems.Error(ConfigPath.Join(path, entry.Key), entry.Line, $"this key has no meaning; {NearestName.Advice(entry.Key, known)}");
        }
    }

    private string? Required(string path, ConfigMapping item, string key)
    {
        if (Word(path, item, key) is { Length: > 0 } word)
        {
            return word;
        }

        problems.Error($"{path}.{key}", item.Line, "is required");
        return null;
    }

    private string? Word(string path, ConfigMapping item, string key)
    {
        switch (item[key])
        {
            case null:
                return null;
            case ConfigScalar scalar:
                return scalar.IsNull ? null : scalar.Text;
            case var other:
                Wrong($"{path}.{key}", other, "a single value");
                return null;
        }
    }

    private string[] Words(string path, ConfigMapping item, string key)
    {
        switch (item[key])
        {
            case null or ConfigScalar { IsNull: true }:
                return [];
            case ConfigList list when list.Items.All(i => i is ConfigScalar { IsNull: false }):
                return [.. list.Items.Select(i => ((ConfigScalar)i).Text)];
            case var other:
                Wrong($"{path}.{key}", other, "a list of single values");
                return [];
        }
    }

    private ConfigNode[] Wrong(string path, ConfigNode node, string expected)
    {
        problems.Error(path, node.Line, $"write {expected} here, not {node.Kind}");
        return [];
    }

    private bool WrongWord(string path, ConfigMapping item, string key, string written, string[] known)
    {
        problems.Error($"{path}.{key}", item[key]!.Line, $"'{written}' has no meaning here; {NearestName.Advice(written, known)}");
        return false;
    }
}
