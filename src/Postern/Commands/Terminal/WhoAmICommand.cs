using System.CommandLine;
using System.Text.Json;

namespace Postern.Commands.Terminal;

/// <summary><c>postern whoami</c>: who am I, and what may I do where, in the policy's words.</summary>
internal static class WhoAmICommand
{
    public static VerbCommand Create(TimeProvider time) => TerminalOptions.Verb(
        "whoami",
        "Says who the gate takes you for, and which rules of its policy concern you. Notices when an engine's command line has lost the login.",
        ["postern whoami", "postern whoami --profile prod --output json | jq .bindings"],
        (parsed, output, cancellation) => RunAsync(parsed, output, time, cancellation));

    private static async Task<int> RunAsync(ParseResult parsed, CommandOutput output, TimeProvider time, CancellationToken cancellation)
    {
        var profile = parsed.GetRequiredValue(TerminalOptions.Profile);
        if (LoginSession.Read(profile) is not { } session)
        {
            output.Words($"Nobody is logged in in the profile {profile}: run postern login.");
            return ExitCodes.Failed;
        }

        using var http = TerminalOptions.Http(session.Authority);
        var endpoint = await OAuthEndpoint.DiscoverAsync(http, session.Issuer, time, cancellation);
        session = await TerminalOptions.FreshAsync(session, profile, endpoint, time, cancellation);
        var me = await endpoint.WhoAmIAsync(session.AccessToken, cancellation);
        if (output.IsJson)
        {
            output.Json(me.WriteTo);
        }
        else
        {
            Say(output, me);
        }

        if (TemporalProfile.RefreshTokenOf(profile) is null)
        {
            output.Words($"The temporal command line has lost this login ('temporal config set' erases it): run postern login --profile {profile}, which needs no browser.");
        }

        if (session.Prefect is not null && (PrefectProfile.HoldsUntil(profile) is not { } until || until <= time.GetUtcNow()))
        {
            output.Words($"Prefect's profile {profile} has no token that holds: run postern login --profile {profile}, which needs no browser; postern agent --profile {profile} renews by itself.");
        }

        return ExitCodes.Ok;
    }

    private static void Say(CommandOutput output, JsonElement me)
    {
        output.Result($"{me.GetProperty("caller").GetString()}, {me.GetProperty("kind").GetString()}{Listed(me, "groups", ", in ")}");
        var (bindings, denies) = (me.GetProperty("bindings"), me.GetProperty("denies"));
        foreach (var rule in bindings.EnumerateArray())
        {
            output.Result($"  may    {Words(rule)}");
        }

        foreach (var rule in denies.EnumerateArray())
        {
            output.Result($"  may not {Words(rule)}");
        }

        if (bindings.GetArrayLength() == 0)
        {
            output.Result("  No binding of the policy concerns you: you may do nothing here. Ask whoever keeps the policy.");
        }
    }

    private static string Words(JsonElement rule)
    {
        var where = string.Join("; ", rule.GetProperty("where").EnumerateObject().Select(dimension => $"{dimension.Name} {string.Join(", ", dimension.Value.EnumerateArray().Select(name => name.GetString()))}"));
        return $"{string.Join(", ", rule.GetProperty("what").EnumerateArray().Select(what => what.GetString()))}{(where.Length > 0 ? " in " + where : "")}"
            + $"{(rule.GetProperty("scope").GetString() == "cluster" ? " on the cluster" : "")}{Listed(rule, "when", " when ")}  ({rule.GetProperty("rule").GetString()})";
    }

    private static string Listed(JsonElement of, string name, string before)
    {
        var all = of.GetProperty(name).EnumerateArray().Select(one => one.GetString()).ToList();
        return all.Count > 0 ? before + string.Join(", ", all) : "";
    }
}
