using System.Collections.Frozen;

namespace Postern.Model;

/// <summary>The written names of permissions, and what can condition each.</summary>
internal static class Permissions
{
    private static readonly string[] Names = [.. Enum.GetValues<Permission>().Select(Write)];
    private static readonly FrozenDictionary<string, Permission> ByName =
        Enum.GetValues<Permission>().Skip(1).ToFrozenDictionary(Write, StringComparer.Ordinal);

    /// <summary>Every permission, in the order of the list.</summary>
    public static IReadOnlyList<Permission> All { get; } = [.. Enum.GetValues<Permission>().Skip(1)];

    public static string Name(this Permission permission) => Names[(int)permission];

    public static bool TryParse(string name, out Permission permission) => ByName.TryGetValue(name, out permission);

    public static UInt128 Bit(this Permission permission) => UInt128.One << (int)permission;

    // The resource is the enum's longest known prefix, the verb its last word: WorkerDeploymentWrite is worker-deployment.write.
    private static string Write(Permission permission)
    {
        var text = permission.ToString();
        var verb = text.Length;
        while (verb > 0 && !char.IsUpper(text[verb - 1]))
        {
            verb--;
        }

        if (verb <= 1)
        {
            return "none";
        }

        var resource = string.Concat(text[..(verb - 1)].Select((c, i) => char.IsUpper(c) && i > 0 ? "-" + char.ToLowerInvariant(c) : char.ToLowerInvariant(c).ToString()));
        return resource + "." + char.ToLowerInvariant(text[verb - 1]) + text[verb..];
    }
}
