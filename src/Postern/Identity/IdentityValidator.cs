using Postern.Configuration;
using Postern.Identity.Certificates;
using Postern.Identity.Federated;
using Postern.Identity.Introspection;
using Postern.Identity.Jwt;
using Postern.Identity.Session;
using Postern.Model;

namespace Postern.Identity;

/// <summary>Checks the identity sources.</summary>
internal static class IdentityValidator
{
    public static void Validate(IdentityOptions options, string path, Problems problems)
    {
        if (options.Issuers.Count + options.Introspection.Count + options.Certificates.Count == 0 && !options.KeepsAccounts)
        {
            problems.Error($"{path}.issuers", "nobody could say who is calling; write issuers: [{ name: okta, issuer: \"https://example.okta.com\", audiences: [postern] }], or accounts: enabled for the gate's own keys");
        }

        ValidateAccounts(options, path, problems);
        ValidateNames(options, path, problems);
        var urls = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (place, issuer) in options.AllIssuers())
        {
            if (issuer.Issuer.Length > 0 && !urls.TryAdd(issuer.Issuer, place))
            {
                problems.Error($"{path}.{place}.issuer", $"is the issuer of {path}.{urls[issuer.Issuer]} already; a token's issuer selects one entry");
            }

            ValidateKeys(issuer, $"{path}.{place}", problems);
        }

        for (var i = 0; i < options.Issuers.Count; i++)
        {
            ValidateKind(options.Issuers[i].Kind, $"{path}.issuers[{i}]", problems);
        }

        FederatedValidator.Validate(options, $"{path}.federated", problems);
        IntrospectionValidator.Validate(options.Introspection, $"{path}.introspection", problems);
        SessionsValidator.Validate(options.Sessions, $"{path}.sessions", problems);
        CertificateValidator.Validate(options, $"{path}.certificates", problems);
    }

    // One set of names over all sources: a record or a rule that names one means one.
    private static void ValidateNames(IdentityOptions options, string path, Problems problems)
    {
        var names = options.AllNames().ToList();
        Names.Check([.. names.Select(name => name.Name)], i => $"{path}.{names[i].Place}.name", problems);
        foreach (var (place, _) in names.Where(name => name.Name == Caller.OwnIssuer))
        {
            problems.Error($"{path}.{place}.name", $"{Caller.OwnIssuer} names the gate's own accounts; take another name");
        }
    }

    private static void ValidateAccounts(IdentityOptions options, string path, Problems problems)
    {
        if (options.Accounts is { } accounts && accounts.KeyLifetime > accounts.LongestKeyLifetime)
        {
            problems.Error($"{path}.accounts.keyLifetime", "is longer than longestKeyLifetime, so that no key could be made without saying how long it lives");
        }

        string[] known = [.. CredentialWords.All, .. options.IssuerNames()];
        for (var i = 0; i < options.Namespaces.Count; i++)
        {
            if (options.Namespaces[i].Temporal.Count + options.Namespaces[i].Prefect.Count == 0)
            {
                problems.Error($"{path}.namespaces[{i}]", "it says of no namespace and no Prefect server; write temporal: [\"*-prod\"] or prefect: [main]");
            }

            for (var j = 0; j < options.Namespaces[i].Accept.Count; j++)
            {
                var word = options.Namespaces[i].Accept[j];
                if (word.Length > 0 && !known.Contains(word))
                {
                    problems.Error($"{path}.namespaces[{i}].accept[{j}]", $"'{word}' is no kind of credential and no entry of issuers or introspection; {NearestName.Advice(word, known)}");
                }
            }
        }
    }

    private static void ValidateKeys(IIssuerOptions options, string path, Problems problems)
    {
        // With a static key set the issuer is only a text to compare; without one it is where keys come from, and who can change them can be anybody.
        if (options.KeySet is null && options.Issuer.Length > 0 && !IsSafeUrl(options.Issuer))
        {
            problems.Error($"{path}.issuer", $"{problems.Written($"{path}.issuer")} can't be asked for keys; write an https:// URL (http:// only on loopback), or keySet: keys.json");
        }
    }

    internal static void ValidateKind(CallerKindOptions kind, string path, Problems problems)
    {
        var values = kind.Service.Count + kind.Agent.Count + kind.Human.Count;
        if (kind.Claim is null && values > 0)
        {
            problems.Error($"{path}.kind.claim", "is required where values decide the kind; write claim: followed by the claim's path");
        }
        else if (kind.Claim is not null && values == 0)
        {
            problems.Error($"{path}.kind", "names a claim but no values; write service: [\"svc-*\"], agent: […] or human: […]");
        }
    }

    internal static bool IsSafeUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.UserInfo.Length == 0 && url.Fragment.Length == 0
        && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback));
}
