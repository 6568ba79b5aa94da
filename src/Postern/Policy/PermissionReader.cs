using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Permissions as one reads them: what a <c>*</c> took in, and what was named outright.</summary>
internal readonly record struct ReadPermissions(UInt128 All, IReadOnlyList<(Permission Permission, string Path, int Line)> Named);

/// <summary>Reads lists of permissions, in which <c>*</c> stands for any part of a name: <c>workflow.*</c>.</summary>
internal sealed class PermissionReader(NodeReader nodes)
{
    private static readonly string[] Names = [.. Permissions.All.Select(p => p.Name())];

    /// <param name="node">A text or a list of texts.</param>
    /// <param name="path">Where it stands.</param>
    /// <param name="granting">True where the permissions are given: then a <c>*</c> leaves out those that are given by name or not at all.</param>
    public ReadPermissions Read(ConfigNode node, string path, bool granting)
    {
        var all = UInt128.Zero;
        var named = new List<(Permission, string, int)>();
        foreach (var (text, at, line) in nodes.Texts(node, path))
        {
            if (Permissions.TryParse(text, out var permission))
            {
                all |= permission.Bit();
                named.Add((permission, at, line));
                continue;
            }

            var glob = new Glob(text);
            var matched = glob.IsExact ? [] : Permissions.All.Where(p => glob.Matches(p.Name())).ToArray();
            if (matched.Length == 0)
            {
                nodes.Error(at, line, glob.IsExact
                    ? $"no permission is named '{text}'; {(NearestName.Of(text, Names) is { } near ? $"did you mean '{near}'?" : "`postern policy matrix` prints them all")}"
                    : $"no permission matches '{text}'; `postern policy matrix` prints them all");
            }

            all |= BuiltInRoles.Set(matched.Where(p => !granting || p != Permission.ClusterRemote));
        }

        return new ReadPermissions(all, named);
    }
}
