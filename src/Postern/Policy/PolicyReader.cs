using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy;

/// <summary>The text of one policy file, with its name as the operator knows it.</summary>
internal sealed record PolicySource(string Name, string Text);

/// <summary>Reads policy files into one document. Every problem of every file is reported; with an error among them, the document must not be used.</summary>
internal static class PolicyReader
{
    private static readonly string[] Keys = ["roles", "bindings", "deny", "tests"];

    /// <param name="sources">The files; their rules merge in this order.</param>
    /// <param name="issuers">Names of the configured issuers, to which callers' names belong.</param>
    /// <param name="problems">What is wrong.</param>
    public static PolicyDocument Read(IReadOnlyList<PolicySource> sources, IReadOnlyList<string> issuers, out IReadOnlyList<Problem> problems)
    {
        var roles = new RoleReader();
        var files = new List<OpenFile>();
        foreach (var source in sources)
        {
            var found = new Problems(source.Name);
            var nodes = new NodeReader(found);
            var root = YamlReader.Read(source.Text, found) is { } node ? nodes.Mapping(node, "", Keys) : null;
            roles.Collect(root?["roles"], nodes, source.Name);
            files.Add(new OpenFile(source.Name, root, nodes, found));
        }

        var document = new PolicyDocument { Version = Version(sources), Roles = roles.Resolve() };
        var shortNames = ShortNames(sources);
        var bindings = ImmutableArray.CreateBuilder<PolicyRule>();
        var denies = ImmutableArray.CreateBuilder<PolicyRule>();
        var tests = ImmutableArray.CreateBuilder<PolicyTest>();
        for (var i = 0; i < files.Count; i++)
        {
            var (name, root, nodes, _) = files[i];
            var prefix = files.Count == 1 ? "" : shortNames[i] + ":";
            var rules = new RuleReader(nodes, new WhoReader(nodes, issuers), roles, name, prefix);
            var testReader = new TestReader(nodes, issuers, name, prefix);
            bindings.AddRange(nodes.Items(root?["bindings"], "bindings").Select(b => rules.ReadBinding(b.Item, b.Path)).OfType<PolicyRule>());
            foreach (var (item, path) in nodes.Items(root?["deny"], "deny"))
            {
                if (rules.ReadDeny(item, path) is { } deny)
                {
                    DenyChecks.Check(deny.Rule, deny.What, path, nodes);
                    denies.Add(deny.Rule);
                }
            }

            tests.AddRange(nodes.Items(root?["tests"], "tests").Select(t => testReader.Read(t.Item, t.Path)).OfType<PolicyTest>());
        }

        problems = [.. files.SelectMany(f => f.Found.Found)];
        return document with { Bindings = bindings.ToImmutable(), Denies = denies.ToImmutable(), Tests = tests.ToImmutable() };
    }

    private static string Version(IReadOnlyList<PolicySource> sources)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var source in sources)
        {
            // Without the folder: gates that read the same files from different places have the same policy, and take each other's page tokens.
            var name = Path.GetFileName(source.Name);
            // Lengths first, so that no text can be moved from one file to the next without a new version.
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{name.Length} {source.Text.Length} ")));
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(Encoding.UTF8.GetBytes(source.Text));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 6));
    }

    // Files are told apart by their last name where that is enough.
    private static string[] ShortNames(IReadOnlyList<PolicySource> sources)
    {
        var last = sources.Select(s => Path.GetFileName(s.Name)).ToArray();
        return last.Distinct(StringComparer.Ordinal).Count() == last.Length ? last : [.. sources.Select(s => s.Name)];
    }

    private sealed record OpenFile(string Name, ConfigMapping? Root, NodeReader Nodes, Problems Found);
}
