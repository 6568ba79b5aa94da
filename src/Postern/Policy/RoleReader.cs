using System.Collections.Immutable;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy;

/// <summary>
/// Collects the roles of every file, then works out what each grants: what it <c>extends</c>, and <c>with</c>, less <c>without</c>.
/// Roles of one file can extend those of another, so nothing is worked out before all are read.
/// </summary>
internal sealed class RoleReader
{
    private readonly Dictionary<string, Written> _written = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PolicyRole?> _read = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Role> _builtIn = BuiltInRoles.All.ToDictionary(r => r.Name, StringComparer.Ordinal);

    public void Collect(ConfigNode? node, NodeReader nodes, string? file)
    {
        if (node is null or ConfigScalar { IsNull: true })
        {
            return;
        }

        if (node is not ConfigMapping mapping)
        {
            nodes.Error("roles", node.Line, $"this holds {node.Kind}; it takes a mapping from role names to roles");
            return;
        }

        foreach (var entry in mapping.Entries)
        {
            var path = ConfigPath.Join("roles", entry.Key);
            if (_builtIn.ContainsKey(entry.Key))
            {
                nodes.Error(path, entry.Line, "this is a built-in role, which has one meaning everywhere; give yours another name and extend it");
            }
            else if (_written.TryGetValue(entry.Key, out var other))
            {
                nodes.Error(path, entry.Line, $"the role is defined already in {other.File ?? "this policy"}, line {other.Line}; keep one");
            }
            else if (nodes.Mapping(entry.Value, path, "extends", "with", "without") is { } body)
            {
                _written.Add(entry.Key, new Written(body, path, entry.Line, nodes, file));
            }
        }
    }

    /// <summary>The policy's own roles, those without problems.</summary>
    public ImmutableArray<PolicyRole> Resolve()
    {
        foreach (var name in _written.Keys)
        {
            Resolve(name, []);
        }

        return [.. _written.Keys.Select(n => _read[n]).OfType<PolicyRole>()];
    }

    /// <summary>A role by name, to be called after <see cref="Resolve()"/>; null, reported, where there is none. Null without a word where the role's own problem is reported.</summary>
    public Role? Find(string name, NodeReader nodes, string path, int line)
    {
        if (_builtIn.TryGetValue(name, out var builtIn))
        {
            return builtIn;
        }

        if (_read.TryGetValue(name, out var own))
        {
            return own?.Role;
        }

        nodes.Error(path, line, $"no role is named '{name}'; {NearestName.Advice(name, [.. _builtIn.Keys, .. _written.Keys])}");
        return null;
    }

    private Role? Resolve(string name, ImmutableArray<string> above)
    {
        if (_read.TryGetValue(name, out var known))
        {
            return known?.Role;
        }

        var (body, path, line, nodes, file) = _written[name];
        if (above.Contains(name))
        {
            nodes.Error(path, line, $"the role extends itself: {string.Join(" → ", above.SkipWhile(n => n != name).Append(name))}");
            return null;
        }

        var permissions = UInt128.Zero;
        var companions = UInt128.Zero;
        var whole = true;
        if (body["extends"] is { } extends)
        {
            foreach (var (text, at, atLine) in nodes.Texts(extends, ConfigPath.Join(path, "extends")))
            {
                var role = _written.ContainsKey(text) ? Resolve(text, above.Add(name)) : Find(text, nodes, at, atLine);
                whole &= role is not null;
                permissions |= role?.Permissions ?? UInt128.Zero;
                companions |= role?.Companions ?? UInt128.Zero;
            }
        }

        var reader = new PermissionReader(nodes);
        var with = body["with"] is { } added ? reader.Read(added, ConfigPath.Join(path, "with"), granting: true) : new ReadPermissions(0, []);
        var without = body["without"] is { } removed ? reader.Read(removed, ConfigPath.Join(path, "without"), granting: false) : new ReadPermissions(0, []);
        foreach (var (permission, at, atLine) in without.Named.Where(n => ((permissions | with.All) & n.Permission.Bit()) == 0))
        {
            nodes.Warning(at, atLine, $"the role wouldn't have {permission.Name()} anyway");
        }

        permissions = (permissions | with.All) & ~without.All;
        if (whole && permissions == 0)
        {
            nodes.Error(path, line, "the role grants nothing; name what it extends, or permissions under 'with'");
        }

        // Own roles see their namespace under any condition, as the built-in ones do, where they may see it at all.
        companions = (companions | BuiltInRoles.Common) & permissions;
        var read = whole ? new PolicyRole(new Role(name, permissions, companions), file, path, line) { Named = [.. with.Named, .. without.Named] } : null;
        _read[name] = read;
        return read?.Role;
    }

    private sealed record Written(ConfigMapping Body, string Path, int Line, NodeReader Nodes, string? File);
}
