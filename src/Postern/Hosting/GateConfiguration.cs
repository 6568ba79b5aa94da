using Postern.Configuration;
using Postern.Engines.Temporal;
using Postern.Identity;
using Postern.Model;
using Postern.Policy;

namespace Postern.Hosting;

/// <summary>A configuration with its policy, read and checked whole: what <c>serve</c> and every reload begin with.</summary>
/// <param name="Options">The options.</param>
/// <param name="Policy">The policy, compiled, with its own tests passed.</param>
/// <param name="Files">Everything whose change means a reload.</param>
/// <param name="Warnings">What is worth a word but stops nothing.</param>
internal sealed record GateConfiguration(PosternOptions Options, PolicySet Policy, IReadOnlyList<string> Files, IReadOnlyList<Problem> Warnings)
{
    /// <summary>Reads and checks everything. Throws <see cref="InvalidConfigurationException"/> with every problem, not the first.</summary>
    public static GateConfiguration Load(string path)
    {
        var read = PosternConfiguration.Load(path);
        if (read.Options is not { } options)
        {
            throw new InvalidConfigurationException(read.Problems);
        }

        var catalogue = TemporalCatalogue.Load(options.Engines.Temporal.Select(engine => engine.Descriptors).FirstOrDefault(file => file is not null));
        var policy = PolicyLoader.Load(options.Policy, options.Identity.CallerIssuers(), EngineCalls.Of(catalogue));
        IReadOnlyList<Problem> problems = [.. read.Problems, .. policy.Problems, .. policy.Set is { } known ? ServerChecks.Check(known.Document, [.. options.Engines.Prefect.Select(engine => engine.Name)]) : []];
        return policy.Set is { } set
            ? new GateConfiguration(options, set.Taking([.. options.Identity.Namespaces.SelectMany(Accepted)]), [.. read.Files, .. policy.Files, .. Watched(options)], problems)
            : throw new InvalidConfigurationException(problems);
    }

    private static IEnumerable<AcceptedCredentials> Accepted(NamespaceCredentialOptions entry)
    {
        bool Accepts(Caller caller) => CredentialWords.Name(entry.Accept, caller);
        return [.. entry.Temporal.Select(name => new AcceptedCredentials(Dimensions.Namespace, new Glob(name), Accepts)), .. entry.Prefect.Select(name => new AcceptedCredentials(Dimensions.Server, new Glob(name), Accepts))];
    }

    // What a reload reads again beside configuration and policy.
    private static IEnumerable<string> Watched(PosternOptions options)
    {
        foreach (var keys in options.Identity.AllIssuers().Select(issuer => issuer.Value.KeySet).OfType<string>())
        {
            yield return keys;
        }

        foreach (var authority in options.Identity.Certificates.SelectMany(entry => entry.Authorities))
        {
            yield return authority;
        }

        foreach (var tls in options.Listen.Select(listener => listener.Tls).OfType<ListenTlsOptions>())
        {
            yield return tls.Certificate;
            yield return tls.Key;
            foreach (var authority in tls.ClientAuthorities)
            {
                yield return authority;
            }
        }
    }
}
