using System.CommandLine;
using System.Globalization;
using System.Net;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Commands;

/// <summary>A call as one writes it on a command line, and the demands that it makes.</summary>
internal static class CallArguments
{
    public static readonly Option<string> Call = new("--call") { Description = "The call, such as temporal/StartWorkflowExecution or prefect/create_flow_run_from_deployment; postern policy matrix lists them.", HelpName = "engine/method", Required = true };

    public static readonly Option<string[]> With = new("--with")
    {
        Description = "A name in the call: namespace=, taskQueue=, workflowType= …, or prefect=, workPool=, deployment=, tag= … May be given several times, tag too; tag= alone is none.",
        HelpName = "what=name",
    };

    public static readonly Option<string[]> Also = new("--also")
    {
        Description = "A permission that this call needs only because of its fields, such as workflow.terminate for a start that ends the running one, or deployment.override for a run with job variables.",
        HelpName = "permission",
    };

    public static readonly Option<string> From = new("--from") { Description = "The address that the call comes from.", HelpName = "address" };

    public static readonly Option<string> At = new("--at") { Description = "When, with the offset: 2026-03-02T09:30Z. Default: now.", HelpName = "time" };

    /// <summary>The demands, or what is wrong with the arguments.</summary>
    public static Demand[]? Read(ParseResult parsed, CallCatalogue calls, out string wrong)
    {
        var name = parsed.GetRequiredValue(Call);
        if (calls.Find(name) is not { } call)
        {
            wrong = $"no call is named '{name}'; {NearestName.Of(name, calls.Calls.Select(c => c.Name)) switch { { } near => $"did you mean '{near}'?", null => "postern policy matrix lists all" }}";
            return null;
        }

        if (!TryReadNames(parsed.GetValue(With) ?? [], call, out var names, out wrong))
        {
            return null;
        }

        var also = parsed.GetValue(Also) ?? [];
        var possible = call.Demands.Where(d => d.Sometimes).Select(d => d.Permission.Name()).Distinct(StringComparer.Ordinal).ToList();
        if (also.FirstOrDefault(p => !possible.Contains(p)) is { } unknown)
        {
            wrong = $"--also {unknown}: {call.Name} never asks for it; {(possible.Count == 0 ? "it asks for nothing besides" : $"write one of: {string.Join(", ", possible)}")}";
            return null;
        }

        return [.. call.Demands.Where(d => !d.Sometimes || also.Contains(d.Permission.Name())).Select(d => d.Fill(names))];
    }

    /// <summary>Where and when, or what is wrong with the arguments.</summary>
    public static Circumstances? ReadCircumstances(ParseResult parsed, TimeProvider time, out string wrong)
    {
        wrong = "";
        IPAddress? source = null;
        if (parsed.GetValue(From) is { } from && !IPAddress.TryParse(from, out source))
        {
            wrong = $"--from takes an IP address, not '{from}'";
            return null;
        }

        var now = time.GetUtcNow();
        if (parsed.GetValue(At) is { } at
            && !DateTimeOffset.TryParseExact(at, ["yyyy-MM-dd'T'HH:mmzzz", "yyyy-MM-dd'T'HH:mm:sszzz", "yyyy-MM-dd'T'HH:mm'Z'", "yyyy-MM-dd'T'HH:mm:ss'Z'"],
                CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out now))
        {
            wrong = $"--at takes a time with its offset, such as 2026-03-02T09:30Z or 2026-03-02T09:30+01:00, not '{at}'";
            return null;
        }

        return new Circumstances(source, now);
    }

    private static bool TryReadNames(string[] pairs, CatalogueCall call, out Demand names, out string wrong)
    {
        names = new Demand { Permission = Permission.None };
        wrong = "";
        var known = call.Demands.Aggregate(Dimensions.None, (set, d) => set | d.Carried | d.Unknown).Each().Select(d => d.Name()).ToList();
        var tags = new List<string>();
        foreach (var pair in pairs)
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var what = equals > 0 ? pair[..equals] : "";
            if (!known.Contains(what) || !DimensionNames.TryParse(what, out var dimension))
            {
                wrong = $"--with {pair}: write what=name, where {call.Name} has: {string.Join(", ", known)}";
                return false;
            }

            var name = pair[(equals + 1)..];
            if (dimension == Dimensions.Tag)
            {
                tags.Add(name);
                continue;
            }

            names = names.WithName(dimension, name);
        }

        if (tags.Count > 0)
        {
            names = names.WithName(Dimensions.Tag, PrefectNames.Write(tags.Where(tag => tag.Length > 0)));
        }

        return true;
    }
}
