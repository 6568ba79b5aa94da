using System.CommandLine;
using Postern.Configuration;
using Postern.Engines.Temporal;
using Postern.Hosting;
using Postern.Model;
using Postern.Policy;

namespace Postern.Commands;

/// <summary>The policy that a verb works on: the configuration's, or files named on the command line.</summary>
/// <param name="Result">What came of reading it.</param>
/// <param name="Issuers">Names of the issuers that callers may come from.</param>
/// <param name="Calls">What the engines' calls demand.</param>
/// <param name="Options">The configuration; null where none was read.</param>
internal sealed record PolicyInput(PolicyResult Result, IReadOnlyList<string> Issuers, CallCatalogue Calls, PosternOptions? Options)
{
    public static readonly Option<string[]> Files = new("--policy", "-p")
    {
        Description = "Policy files or folders to use instead of the configuration's, such as a change that isn't in place yet.",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "path",
    };

    public static readonly Option<string[]> IssuerNames = new("--issuer")
    {
        Description = "Names of the issuers. With --policy and --issuer no configuration is read.",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "name",
    };

    public static PolicyInput Read(ParseResult parsed)
    {
        var files = parsed.GetValue(Files) ?? [];
        var issuers = parsed.GetValue(IssuerNames) ?? [];
        if (files.Length > 0 && issuers.Length > 0)
        {
            var calls = CallsOf(null);
            return new PolicyInput(PolicyLoader.Load(files, issuers, calls), issuers, calls, null);
        }

        var configuration = PosternConfiguration.Load(parsed.GetRequiredValue(CommonOptions.Config));
        if (configuration.Options is not { } options)
        {
            return new PolicyInput(new PolicyResult(null, configuration.Problems, configuration.Files), issuers, new CallCatalogue([]), null);
        }

        var names = issuers.Length > 0 ? issuers : IssuersOf(options);
        var known = CallsOf(options);
        return new PolicyInput(PolicyLoader.Load(files.Length > 0 ? files : options.Policy, names, known), names, known, options);
    }

    public static string[] IssuersOf(PosternOptions options) => [.. options.Identity.CallerIssuers()];

    /// <summary>The calls of the configured engines; of the built-in API where none names its own descriptors.</summary>
    public static CallCatalogue CallsOf(PosternOptions? options) =>
        EngineCalls.Of(TemporalCatalogue.Load(options?.Engines.Temporal.Select(e => e.Descriptors).FirstOrDefault(d => !string.IsNullOrEmpty(d))));
}
