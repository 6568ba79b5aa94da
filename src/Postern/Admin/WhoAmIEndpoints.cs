using Postern.Configuration;
using Postern.Model;
using Postern.Policy;
using Json = Postern.Admin.ManagementJson;

namespace Postern.Admin;

/// <summary>Who the caller is to this gate, and what he may where, in the policy's words.</summary>
internal static class WhoAmIEndpoints
{
    public static Task<ManagementAnswer> GetAsync(ManagementCall call)
    {
        var (caller, document) = (call.Caller, call.State.Policy.Document);
        return Task.FromResult(ManagementAnswer.Ok(new WhoAmI(
            caller.Name, OptionShape.Kebab(caller.Kind.ToString()), caller.Issuer, caller.Subject, caller.DisplayName, caller.Groups, OptionShape.Kebab(caller.Credential.ToString()),
            caller.CredentialId, caller.ExpiresAt, [.. caller.NamespaceBounds.Select(set => (IReadOnlyList<string>)set)], caller.RoleBounds, call.State.Policy.Version,
            [.. document.Bindings.Where(rule => rule.Concerns(caller) && Narrowing.Admits(caller, rule)).Select(View)], [.. document.Denies.Where(rule => rule.Concerns(caller)).Select(View)],
            May(call, Permission.AccountManage), May(call, Permission.KeyManage)), Json.Default.WhoAmI));
    }

    private static bool May(ManagementCall call, Permission permission) =>
        call.Policy.DecideAll([ManagementApi.Demand(permission, isOpen: false)], new Circumstances(call.Source, call.Now), out _).IsAllowed;

    private static HeldRule View(PolicyRule rule) => new(
        rule.Id, rule.What, OptionShape.Kebab(rule.Scope.ToString()),
        rule.Where.ToDictionary(condition => condition.Dimension.Name(), condition => (IReadOnlyList<string>)[.. condition.Patterns.Select(pattern => pattern.Text)]),
        [.. rule.When.Select(condition => condition.Text)]);
}
