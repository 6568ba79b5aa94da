using Postern.Configuration;
using Postern.Identity.Certificates;

namespace Postern.Identity.Federated;

/// <summary>Checks the rules of federation: one that is too wide hands an account to strangers.</summary>
internal static class FederatedValidator
{
    // Anybody can have these sign tokens for him; a rule has to say whose.
    private static readonly string[] OpenToAnybody = ["https://token.actions.githubusercontent.com", "https://gitlab.com", "https://accounts.google.com"];

    // What a stranger at such an issuer can't choose, where the pattern begins with a whole name.
    private static readonly string[] NamesItsOwner =
        ["sub", "repository", "repository_id", "repository_owner", "repository_owner_id", "enterprise", "project_path", "project_id", "namespace_path", "namespace_id", "user_id", "azp", "hd"];

    public static void Validate(IdentityOptions options, string path, Problems problems)
    {
        if (options.Federated.Count > 0 && !options.KeepsAccounts)
        {
            problems.Error(path, "maps tokens to the gate's own accounts, and it keeps none; write accounts: enabled");
        }

        var domains = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < options.Federated.Count; i++)
        {
            ValidateSource(options.Federated[i], domains, $"{path}[{i}]", problems);
            var isOpen = OpenToAnybody.Contains(options.Federated[i].Issuer);
            for (var j = 0; j < options.Federated[i].Rules.Count; j++)
            {
                Validate(options.Federated[i].Rules[j], isOpen, $"{path}[{i}].rules[{j}].claims", problems);
            }
        }
    }

    private static void ValidateSource(FederatedOptions entry, HashSet<string> domains, string path, Problems problems)
    {
        if (entry.Issuer.Length == 0 && (entry.TrustDomain is null || entry.KeySet is null))
        {
            problems.Error($"{path}.issuer", entry.TrustDomain is null
                ? "is required; write issuer: https://kubernetes.default.svc.cluster.local"
                : "is required where the trust domain's keys come from nowhere else; write issuer: https://spire.acme.example, or keySet: bundle.json");
        }

        if (entry.TrustDomain is not { } domain)
        {
            return;
        }

        if (!SpiffeId.IsTrustDomain(domain))
        {
            problems.Error($"{path}.trustDomain", "is no trust domain; write its name alone, in small letters: acme.example");
        }
        else if (!domains.Add(domain))
        {
            problems.Error($"{path}.trustDomain", "is that of another entry already; a token's trust domain selects one entry");
        }
    }

    private static void Validate(FederationRuleOptions rule, bool isOpen, string path, Problems problems)
    {
        // What isn't written is the binder's to report.
        if (rule.Claims.Count == 0)
        {
            return;
        }

        if (rule.Claims.Values.All(pattern => pattern.Trim('*').Length == 0))
        {
            problems.Error(path, "matches every token of the issuer; name what tells this workload from others, such as sub: \"system:serviceaccount:payments:worker\"");
        }
        else if (isOpen && !rule.Claims.Any(claim => NamesItsOwner.Contains(claim.Key) && NamesOne(claim.Value)))
        {
            problems.Error(path, "can be met by strangers, since anybody can get tokens of this issuer; add who owns the workload, such as repository_owner: acme or sub: \"repo:acme/app:*\"");
        }
    }

    // "repo:acme*" is also "repo:acme-evil/…": what stands before the first * has to end a name.
    private static bool NamesOne(string pattern)
    {
        var star = pattern.IndexOf('*', StringComparison.Ordinal);
        return star < 0 || (star > 0 && pattern[..star].Contains('/', StringComparison.Ordinal));
    }
}
