using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy;

/// <summary>
/// Warns of rules for Prefect servers that aren't configured: a deny of a server whose name is misspelt reaches nothing. No more than a warning, since gates before
/// different engines may share a policy.
/// </summary>
internal static class ServerChecks
{
    /// <param name="document">The policy.</param>
    /// <param name="servers">The names of the configured Prefect servers; where there are none nothing is said.</param>
    public static IEnumerable<Problem> Check(PolicyDocument document, IReadOnlyCollection<string> servers)
    {
        if (servers.Count == 0)
        {
            yield break;
        }

        foreach (var rule in document.Bindings.Concat(document.Denies))
        {
            foreach (var pattern in rule.Where.Where(c => c.Dimension == Dimensions.Server).SelectMany(c => c.Patterns).Where(p => !servers.Any(p.Matches)))
            {
                var what = pattern.IsExact ? $"no Prefect server is named '{pattern}'" : $"no Prefect server's name matches '{pattern}'";
                yield return new Problem($"{PolicyChecks.Path(rule)}.where.{Dimensions.Server.Name()}", rule.Line, $"{what}; {NearestName.Advice(pattern.Text, servers)}", Severity.Warning) { File = rule.File };
            }
        }
    }
}
