using Postern.Configuration;
using Postern.Model;
using Postern.Policy;
using Json = Postern.Admin.ManagementJson;

namespace Postern.Admin;

/// <summary>Who the caller is to this gate, and what he may where, in the policy's words.</summary>
internal static class WhoAmIEndpoints
{
    public static Task<ManagementAnswer> GetAsync(ManagementCall call) => Task.FromResult(ManagementAnswer.Ok(Of(call.Caller, call.State.Policy, new Circumstances(call.Source, call.Now)), Json.Default.WhoAmI));

    /// <summary>The same as JSON, for who asks on a public listener.</summary>
    public static byte[] Write(Caller caller, PolicySet policy, Circumstances circumstances) => System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(Of(caller, policy, circumstances), Json.Default.WhoAmI);

    private static WhoAmI Of(Caller caller, PolicySet set, Circumstances circumstances)
    {
        var (document, policy) = (set.Document, set.For(caller));
        bool May(Permission permission) => policy.DecideAll([ManagementApi.Demand(permission, isOpen: false)], circumstances, out _).IsAllowed;
        return new WhoAmI(
            caller.Name, OptionShape.Kebab(caller.Kind.ToString()), caller.Issuer, caller.Subject, caller.DisplayName, caller.Groups, OptionShape.Kebab(caller.Credential.ToString()),
            caller.CredentialId, caller.ExpiresAt, [.. caller.NamespaceBounds.Select(set => (IReadOnlyList<string>)set)], caller.RoleBounds, set.Version,
            [.. document.Bindings.Where(rule => rule.Concerns(caller) && Narrowing.Admits(caller, rule)).Select(View)], [.. document.Denies.Where(rule => rule.Concerns(caller)).Select(View)],
            May(Permission.AccountManage), May(Permission.KeyManage));
    }

    private static HeldRule View(PolicyRule rule) => new(
        rule.Id, rule.What, OptionShape.Kebab(rule.Scope.ToString()),
        rule.Where.ToDictionary(condition => condition.Dimension.Name(), condition => (IReadOnlyList<string>)[.. condition.Patterns.Select(pattern => pattern.Text)]),
        [.. rule.When.Select(condition => condition.Text)]);
}
