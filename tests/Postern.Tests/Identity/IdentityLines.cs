using Postern.Tests.Configuration;

namespace Postern.Tests.Identity;

/// <summary>The smallest configuration with further lines of <c>identity:</c>, checked.</summary>
internal static class IdentityLines
{
    public static List<string> Problems(ConfigurationFolder folder, params IEnumerable<string> lines)
    {
        var at = ConfigurationFolder.Minimal.IndexOf("identity:\n", StringComparison.Ordinal) + "identity:\n".Length;
        var text = ConfigurationFolder.Minimal.Insert(at, string.Concat(lines.Select(line => $"  {line}\n")));
        return [.. folder.Parse(text).Problems.Select(problem => problem.ToString())];
    }
}
