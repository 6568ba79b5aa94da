using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.Tests.Configuration;

/// <summary>What a page of the documents shows, as whoever copies it would have it.</summary>
internal static partial class PageSamples
{
    /// <summary>The blocks of YAML on a page.</summary>
    public static IReadOnlyList<string> Of(string page) => [.. Block().Matches(Repository.Read(page)).Select(match => match.Groups[1].Value)];

    /// <summary>A whole configuration: a sample shows some sections; the rest is any, and so are the files that it names.</summary>
    public static string Whole(string block, ConfigurationFolder folder)
    {
        foreach (Match file in File().Matches(block))
        {
            var name = file.Groups[1].Value;
            folder.Write(name, Path.GetExtension(name) switch
            {
                ".json" => new JsonObject { ["keys"] = new JsonArray(TestKey.Es256("k").Public()) }.ToJsonString(),
                ".pem" or ".crt" or ".key" => new TestAuthority().Pem,
                _ => "a:secret",
            });
        }

        var shown = Section().Matches(block).Select(match => match.Groups[1].Value).ToHashSet();
        var rest = Section().Matches(ConfigurationFolder.Minimal).Where(match => !shown.Contains(match.Groups[1].Value)).Select(match => match.Value);
        return string.Concat([.. rest, block]).Replace("/etc/postern/", folder.Root + "/", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^```yaml\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"/etc/postern/([\w.-]+)")]
    private static partial Regex File();

    [GeneratedRegex(@"^(\w+):.*\n(?: .*\n)*", RegexOptions.Multiline)]
    private static partial Regex Section();
}
