using System.Net;
using Postern.Audit;
using Postern.Engines.Prefect;
using Postern.Engines.Temporal;
using Postern.Hosting;
using Postern.Identity;
using Postern.Limits;
using Postern.Storage;
using Postern.Tokens;

namespace Postern.Configuration;

/// <summary>Composes the rooms' validators and checks what crosses their blocks.</summary>
internal static class PosternOptionsValidator
{
    public static void Validate(PosternOptions options, Problems problems)
    {
        for (var i = 0; i < options.Listen.Count; i++)
        {
            ListenValidator.Validate(options.Listen[i], $"listen[{i}]", problems);
        }

        ListenValidator.ValidateAdmin(options.Admin, "admin", problems);
        if (options.Keys is { } keys)
        {
            ListenValidator.ValidateKeys(keys, "keys", problems);
        }

        ValidateNetworks(options, problems);
        ValidateListenersApart(options, problems);
        ValidateEngines(options, problems);
        IdentityValidator.Validate(options.Identity, "identity", problems);
        ValidateCertificates(options, problems);
        ValidateTokens(options, problems);
        AuditValidator.Validate(options.Audit, "audit", problems);
        StorageValidator.Validate(options.Storage, "storage", problems);
        string[] engines = [.. options.Engines.Temporal.Select(engine => engine.Name), .. options.Engines.Prefect.Select(engine => engine.Name)];
        for (var i = 0; i < options.Limits.Rates.Count; i++)
        {
            RateValidator.Validate(options.Limits.Rates[i], engines, $"limits.rates[{i}]", problems);
        }
    }

    private static void ValidateNetworks(PosternOptions options, Problems problems)
    {
        for (var i = 0; i < options.TrustedProxies.Count; i++)
        {
            var (path, text) = ($"trustedProxies[{i}]", options.TrustedProxies[i]);
            if (text.Length == 0 || IPNetwork.TryParse(text, out var network) && network.PrefixLength > 0)
            {
                continue;
            }

            problems.Error(path, IPNetwork.TryParse(text, out _)
                ? $"{problems.Written(path)} trusts everybody; name the networks that your proxies stand in"
                : $"{problems.Written(path)} isn't a network; write its first address and length, such as 10.0.0.0/8, or 10.1.2.3/32 for one address");
        }
    }

    private static void ValidateCertificates(PosternOptions options, Problems problems)
    {
        if (options.Identity.Certificates.Count > 0 && options.Listen.All(listener => listener.Tls is not { ClientCertificates: not ClientCertificates.None }))
        {
            problems.Error("identity.certificates", "are never seen, since no listener asks for any; write tls: { …, clientCertificates: optional, clientAuthorities: [workers-ca.pem] } at one");
        }
    }

    private static void ValidateTokens(PosternOptions options, Problems problems)
    {
        ValidateLogin(options, problems);
        ValidatePages(options, problems);
        if (options.Tokens is not { } tokens)
        {
            return;
        }

        TokensValidator.Validate(tokens, "tokens", problems);
        if (!options.Identity.KeepsAccounts)
        {
            problems.Error("tokens", "tokens are issued to accounts, and this gate keeps none; write identity: { accounts: enabled }");
        }

        foreach (var (place, issuer) in options.Identity.AllIssuers())
        {
            if (issuer.Issuer.TrimEnd('/') == tokens.Issuer && tokens.Issuer.Length > 0)
            {
                problems.Error("tokens.issuer", $"is the issuer of identity.{place} already; a token's issuer selects who verifies it");
            }
        }
    }

    private static void ValidatePages(PosternOptions options, Problems problems)
    {
        var taken = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < options.Engines.Prefect.Count; i++)
        {
            if (options.Engines.Prefect[i].Ui is not { Length: > 0 } ui)
            {
                continue;
            }

            var path = $"engines.prefect[{i}].ui";
            if (options.Tokens is null)
            {
                problems.Error(path, "people log in there through the gate's own authorization server, and this gate has none; write tokens: { issuer: https://gate.example.com }");
            }

            // By host and port: that is what a request says of where it was sent.
            if (Addresses.IsOrigin(ui) && new Uri(ui).Authority is var place && !taken.TryAdd(place, path))
            {
                problems.Error(path, $"is at the host and port of {taken[place]} already; a browser's session is at one engine");
            }
        }
    }

    private static void ValidateLogin(PosternOptions options, Problems problems)
    {
        string? first = null;
        for (var i = 0; i < options.Identity.Issuers.Count; i++)
        {
            if (options.Identity.Issuers[i] is not { Login: { } login } issuer)
            {
                continue;
            }

            var path = $"identity.issuers[{i}].login";
            if (options.Tokens is null)
            {
                problems.Error(path, "leads to tokens of the gate's own, and this gate issues none; write tokens: { issuer: https://gate.example.com }");
            }

            if (issuer.KeySet is not null)
            {
                problems.Error(path, "needs the issuer's discovery document; remove keySet");
            }

            if (!login.Scopes.Contains("openid"))
            {
                problems.Error($"{path}.scopes", "without openid the provider says nothing of who logged in; write scopes: [openid, profile, email]");
            }

            if (first is not null)
            {
                problems.Error(path, $"is a second login beside {first}; people log in with one issuer");
            }

            first ??= path;
        }
    }

    // The same port on two listeners fails at bind, and worse: on 0.0.0.0 and 127.0.0.1 it may not fail, and the wrong one answers.
    private static void ValidateListenersApart(PosternOptions options, Problems problems)
    {
        var all = options.Listen.Select((l, i) => (Path: $"listen[{i}].address", l.Address)).ToList();
        all.Add(("admin.address", options.Admin.Address));
        if (options.Keys is { } keys)
        {
            all.Add(("keys.address", keys.Address));
        }

        for (var i = 0; i < all.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (Addresses.TryParseListen(all[i].Address, out var one) && Addresses.TryParseListen(all[j].Address, out var other) && Overlap(one, other))
                {
                    problems.Error(all[i].Path, $"{all[i].Address} overlaps with {all[j].Path} ({all[j].Address}); each listener needs an address and port of its own");
                }
            }
        }
    }

    private static bool Overlap(IPEndPoint one, IPEndPoint other) =>
        one.Port != 0 && one.Port == other.Port && (one.Address.Equals(other.Address) || IsAny(one.Address) || IsAny(other.Address));

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static void ValidateEngines(PosternOptions options, Problems problems)
    {
        var (temporal, prefect) = (options.Engines.Temporal, options.Engines.Prefect);
        if (temporal.Count + prefect.Count == 0 && problems.IsWritten("engines"))
        {
            problems.Error("engines", "names no engine; write temporal: [{ name: main, addresses: [temporal-frontend:7233], credential: { mint: { audience: temporal } } }], or prefect: [{ name: main, address: \"http://prefect:4200\", credential: none }]");
        }

        // One name in audit, metrics and token audiences means one engine, of whatever kind.
        Names.Check([.. temporal.Select(e => e.Name), .. prefect.Select(e => e.Name)], i => i < temporal.Count ? $"engines.temporal[{i}].name" : $"engines.prefect[{i - temporal.Count}].name", problems);
        var hosts = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < temporal.Count; i++)
        {
            TemporalEngineValidator.Validate(temporal[i], $"engines.temporal[{i}]", problems);
        }

        for (var i = 0; i < prefect.Count; i++)
        {
            PrefectEngineValidator.Validate(prefect[i], $"engines.prefect[{i}]", problems);
        }

        ValidateHosts([.. temporal.Select((e, i) => ($"engines.temporal[{i}]", e.Hosts))], hosts, "temporal.example.com", problems);
        ValidateHosts([.. prefect.Select((e, i) => ($"engines.prefect[{i}]", e.Hosts))], hosts, "prefect.example.com", problems);
    }

    private static void ValidateHosts((string Path, IReadOnlyList<string> Hosts)[] engines, Dictionary<string, string> taken, string example, Problems problems)
    {
        string? withoutHosts = null;
        foreach (var (path, names) in engines)
        {
            for (var j = 0; j < names.Count; j++)
            {
                var place = $"{path}.hosts[{j}]";
                if (names[j].AsSpan().ContainsAny(":/*"))
                {
                    problems.Error(place, $"{problems.Written(place)} isn't a host name; write it without scheme, port or '*', such as {example}");
                }
                else if (names[j].Length > 0 && !taken.TryAdd(names[j], place))
                {
                    problems.Error(place, $"{problems.Written(place)} selects {taken[names[j]]} already; a host name selects one engine");
                }
            }

            if (names.Count == 0 && withoutHosts is not null)
            {
                problems.Error(path, $"has no hosts, and neither has {withoutHosts}: a call couldn't be told apart; write hosts: [{example}]");
            }

            withoutHosts ??= names.Count == 0 ? path : null;
        }
    }
}
