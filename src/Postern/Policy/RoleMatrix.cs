using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Postern.Model;

namespace Postern.Policy;

/// <summary>One call in the matrix.</summary>
/// <param name="Call">As tests write it: <c>temporal/StartWorkflowExecution</c>.</param>
/// <param name="Permissions">What every such call needs, the base permission first.</param>
/// <param name="Sometimes">What it needs besides where its fields say so.</param>
/// <param name="Scope"><c>namespace</c>, <c>server</c> for what is Prefect's, <c>cluster</c> where only a binding with <c>scope: cluster</c> grants it, or <c>any caller</c> where no binding is needed.</param>
/// <param name="Dimensions">What can condition it, in a policy's words.</param>
/// <param name="LookedUp">Those of the dimensions that the message doesn't carry.</param>
/// <param name="Roles">The built-in roles that may make the call.</param>
internal sealed record MatrixRow(
    string Call, ImmutableArray<string> Permissions, ImmutableArray<string> Sometimes, string Scope, ImmutableArray<string> Dimensions, ImmutableArray<string> LookedUp,
    ImmutableArray<string> Roles);

/// <summary>Which built-in role may make which call, and what can condition it. Plain values, so that it can be printed as JSON.</summary>
internal sealed record RoleMatrix(ImmutableArray<string> Roles, ImmutableArray<MatrixRow> Rows)
{
    public static RoleMatrix Of(CallCatalogue catalogue) => new([.. BuiltInRoles.All.Select(r => r.Name)], [.. catalogue.Calls.Select(Row)]);

    /// <summary>The table of the docs.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append("| call | needs | may also need | scope | can be conditioned on |").AppendJoin("", Roles.Select(r => $" {r} |")).Append('\n');
        text.Append("|---|---|---|---|---|").Insert(text.Length, "---|", Roles.Length).Append('\n');
        foreach (var row in Rows)
        {
            var dimensions = row.Dimensions.Select(d => row.LookedUp.Contains(d) ? d + "?" : d);
            text.Append(CultureInfo.InvariantCulture, $"| {row.Call} | {string.Join(", ", row.Permissions)} | {string.Join(", ", row.Sometimes)} | {row.Scope} | {string.Join(", ", dimensions)} |");
            text.AppendJoin("", Roles.Select(r => row.Roles.Contains(r) ? " ✓ |" : "  |")).Append('\n');
        }

        text.Append("\nA `?` marks what the message doesn't carry: a rule conditioned on it can't be told before it is looked up.\n");
        return text.ToString();
    }

    private static MatrixRow Row(CatalogueCall call)
    {
        var always = call.Demands.Where(d => !d.Sometimes).ToArray();
        var needed = BuiltInRoles.Set(always.Where(d => !d.UnlessDenied).Select(d => d.Permission));
        var dimensions = always.Aggregate(Dimensions.None, (set, d) => set | ((d.Carried | d.Unknown | d.Waived) & PermissionDimensions.Of(d.Permission)));
        return new MatrixRow(
            call.Name,
            [.. always.Select(d => d.Permission.Name()).Distinct()],
            [.. call.Demands.Where(d => d.Sometimes).Select(d => d.Permission.Name()).Distinct()],
            always.Any(d => d.UnlessDenied) ? "any caller" : always.Any(d => d.ClusterScope) ? "cluster" : (dimensions & Dimensions.Server) != Dimensions.None ? "server" : "namespace",
            [.. dimensions.Each().Select(d => d.Name())],
            [.. (always.Aggregate(Dimensions.None, (set, d) => set | d.Unknown) & dimensions).Each().Select(d => d.Name())],
            [.. BuiltInRoles.All.Where(r => (r.Permissions & needed) == needed).Select(r => r.Name)]);
    }
}
