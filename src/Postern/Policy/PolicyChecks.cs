using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Looks for rules that are well written and yet don't do what they seem to: those no call can ever reach are errors, those that reach less are warnings.</summary>
internal static class PolicyChecks
{
    private const int MostNamed = 6;

    public static IEnumerable<Problem> Check(PolicyDocument document, CallCatalogue catalogue)
    {
        // By role, whether a binding gives it anywhere but at a Prefect server.
        var used = document.Bindings.SelectMany(b => b.What.Select(role => (Role: role, Elsewhere: (b.ConditionedOn & PermissionDimensions.OfPrefect) == Dimensions.None)))
            .ToLookup(use => use.Role, use => use.Elsewhere, StringComparer.Ordinal);
        return document.Roles.SelectMany(r => Role(r, used, catalogue))
            .Concat(document.Bindings.SelectMany(b => Binding(b, catalogue)))
            .Concat(document.Denies.SelectMany(d => Deny(d, catalogue)));
    }

    private static IEnumerable<Problem> Role(PolicyRole role, ILookup<string, bool> used, CallCatalogue catalogue)
    {
        foreach (var (permission, path, line) in role.Named.Where(n => catalogue.NeverConsults(n.Permission)))
        {
            yield return new Problem(path, line, $"no call of any engine asks for {permission.Name()}; remove it") { File = role.File };
        }

        if (!used.Contains(role.Role.Name))
        {
            yield return new Problem(role.Path, role.Line, "no binding uses the role", Severity.Warning) { File = role.File };
        }
        else if ((role.Role.Permissions & Permission.NamespaceRead.Bit()) == 0 && used[role.Role.Name].Any(elsewhere => elsewhere))
        {
            yield return new Problem(role.Path, role.Line,
                "the role lacks namespace.read, which workers ask for before anything else; whoever has no other role can't start one",
                Severity.Warning) { File = role.File };
        }
    }

    private static IEnumerable<Problem> Binding(PolicyRule rule, CallCatalogue catalogue)
    {
        var reached = rule.Parts().Where(p => p.Scope != RuleScope.Both).Aggregate(UInt128.Zero, (set, p) => set | p.Permissions);
        foreach (var problem in Unconsulted(rule, catalogue, reached))
        {
            yield return problem;
        }

        // What has no dimension at all is the cluster's; that a binding in namespaces doesn't grant it is what one expects.
        var lost = BuiltInRoles.Each(rule.Permissions & ~reached & ~rule.Companions)
            .Where(p => (rule.Scope == RuleScope.Cluster || PermissionDimensions.Of(p) != Dimensions.None) && !IsOfAnotherEngine(p, rule)).ToArray();
        if (lost.Length > 0)
        {
            var names = string.Join(", ", lost.Take(MostNamed).Select(p => p.Name())) + (lost.Length > MostNamed ? $" and {lost.Length - MostNamed} more" : "");
            yield return Warning(rule, $"its conditions on {Conditions(rule)} keep it from granting {names}, which can't be conditioned so; grant those in a binding without them");
        }
    }

    private static IEnumerable<Problem> Deny(PolicyRule rule, CallCatalogue catalogue)
    {
        var reached = rule.Parts().Aggregate(UInt128.Zero, (set, p) => set | p.Permissions);
        foreach (var problem in Unconsulted(rule, catalogue, reached))
        {
            yield return problem;
        }

        foreach (var permission in rule.What.Select(w => Permissions.TryParse(w, out var p) ? p : Permission.None).Where(p => p != Permission.None && catalogue.NeverConsults(p)))
        {
            yield return Error(rule, $"no call of any engine asks for {permission.Name()}; remove it");
        }

        var missed = BuiltInRoles.Each(rule.Permissions & ~reached).Where(p => !IsOfAnotherEngine(p, rule)).ToArray();
        if (missed.Length > 0)
        {
            var names = string.Join(", ", missed.Take(MostNamed).Select(p => p.Name())) + (missed.Length > MostNamed ? $" and {missed.Length - MostNamed} more" : "");
            yield return Warning(rule, $"its conditions on {Conditions(rule)} keep it from reaching {names}, which can't be conditioned so; deny those without them");
        }
    }

    // A condition is dead where no permission that is left under it ever comes with such a name.
    private static IEnumerable<Problem> Unconsulted(PolicyRule rule, CallCatalogue catalogue, UInt128 reached)
    {
        var fully = BuiltInRoles.Set(BuiltInRoles.Each(reached).Where(p => (rule.ConditionedOn & ~PermissionDimensions.Of(p)) == Dimensions.None));
        if ((fully & ~BuiltInRoles.Common) == 0 && (rule.Permissions & ~BuiltInRoles.Common) != 0 && rule.ConditionedOn != Dimensions.None)
        {
            yield return Error(rule, Conditions(rule) is { Length: > 0 } conditions
                ? $"no permission in it can be conditioned on {conditions} together, so it would never match"
                : $"no permission in it is one of {((rule.ConditionedOn & Dimensions.Server) == Dimensions.None ? "Temporal" : "Prefect")}, so it would never match");
            yield break;
        }

        var consulted = BuiltInRoles.Each(reached).Where(p => catalogue.Consults(p)).Aggregate(Dimensions.None, (set, p) => set | catalogue.Consulted(p));
        foreach (var dimension in (rule.ConditionedOn & ~consulted & catalogue.Engines).Each())
        {
            yield return Error(rule, $"no call of any engine that it speaks of comes with {dimension.Words()}; remove the condition");
        }
    }

    // One role means the same on every engine; that a rule of one engine gives nothing of another's is what one expects.
    private static bool IsOfAnotherEngine(Permission permission, PolicyRule rule)
    {
        var (places, on) = (PermissionDimensions.Of(permission) & PermissionDimensions.Places, rule.ConditionedOn);
        return ((on & PermissionDimensions.OfPrefect) != Dimensions.None && places == Dimensions.Namespace)
            || ((on & PermissionDimensions.OfTemporal) != Dimensions.None && places == Dimensions.Server);
    }

    private static string Conditions(PolicyRule rule) => string.Join(" and ", (rule.ConditionedOn & ~PermissionDimensions.Places).Each().Select(d => d.Name()));

    private static Problem Error(PolicyRule rule, string text) => new(Path(rule), rule.Line, text) { File = rule.File };

    private static Problem Warning(PolicyRule rule, string text) => new(Path(rule), rule.Line, text, Severity.Warning) { File = rule.File };

    // A rule's id begins with its file where there are several; problems name the file apart.
    internal static string Path(PolicyRule rule) => rule.Id[(rule.Id.LastIndexOf(':') + 1)..];
}
