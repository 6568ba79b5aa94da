using System.CommandLine;
using Postern.Commands.Workload;

namespace Postern.Commands.Terminal;

/// <summary><c>postern login</c>: a person logs in, and the engines' own command lines know it.</summary>
internal static class LoginCommand
{
    private static readonly Option<bool> Device = new("--device") { Description = "Without a browser here: shows a code that is confirmed in any browser." };

    private static readonly Option<bool> Again = new("--again") { Description = "Log in anew although a session lives, as somebody else for example." };

    private static readonly Option<Uri> Issuer = new("--issuer") { Description = "Where the gate's OAuth endpoints are, if not at the gate's own address.", HelpName = "url", CustomParser = WorkloadIdentity.ReadUrl };

    private static readonly Option<Uri> Prefect = new("--prefect")
    {
        Description = "Prefect's API behind the gate: https://postern.example.com:4200/api. Written into Prefect's own profile with a token. Default: as at the last login of the profile.",
        HelpName = "url",
        CustomParser = WorkloadIdentity.ReadUrl,
    };

    public static VerbCommand Create(TimeProvider time) => Create(time, BrowserLogin.Open);

    internal static VerbCommand Create(TimeProvider time, Func<Uri, bool> browser)
    {
        var command = new VerbCommand(
            "login",
            "Logs a person in with the gate's identity provider, or as a local user by password on the gate's page, in a browser or by a code, and writes the login into the profile of the temporal command line, which then renews it by itself. "
            + "While the session lives it is written again without a browser, as after 'temporal config set', which erases it.",
            "postern login --gate https://postern.example.com:7233",
            "postern login --gate https://postern.example.com:7233 --device --profile prod",
            "temporal --profile prod workflow list",
            "postern login --gate https://postern.example.com:7233 --prefect https://postern.example.com:4200/api --profile prod && prefect --profile prod flow-run ls")
        {
            WorkloadIdentity.Gate, TerminalOptions.Profile, Prefect, Device, Again, Issuer, WorkloadIdentity.Authority,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new CommandOutput(parsed);
            return TerminalOptions.RunAsync(output, () => RunAsync(parsed, output, browser, time, cancellation));
        });
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CommandOutput output, Func<Uri, bool> browser, TimeProvider time, CancellationToken cancellation)
    {
        var profile = parsed.GetRequiredValue(TerminalOptions.Profile);
        var known = LoginSession.Read(profile);
        var gate = parsed.GetValue(WorkloadIdentity.Gate) ?? known?.Gate;
        if (gate is null)
        {
            output.Words("Which gate? Write --gate https://postern.example.com:7233, or set POSTERN_GATE.");
            return ExitCodes.Usage;
        }

        var prefect = parsed.GetValue(Prefect) ?? (known?.Gate == gate ? known.Prefect : null);
        if (new[] { gate, prefect }.FirstOrDefault(url => url?.Scheme == Uri.UriSchemeHttp && !url.IsLoopback) is { } clear)
        {
            output.Words($"{clear} would get tokens in clear text; take https.");
            return ExitCodes.Usage;
        }

        var authority = parsed.GetValue(WorkloadIdentity.Authority) ?? (known?.Gate == gate ? known.Authority : null);
        var issuer = parsed.GetValue(Issuer) ?? (known?.Gate == gate ? known.Issuer : gate);
        using var http = TerminalOptions.Http(authority);
        var endpoint = await OAuthEndpoint.DiscoverAsync(http, issuer, time, cancellation);
        var session = parsed.GetValue(Again) || known?.Gate != gate ? null : await StillLivesAsync(known!, profile, endpoint, time, cancellation);
        var isNew = session is null;
        if (session is null)
        {
            var tokens = await LogInAsync(parsed, output, endpoint, browser, time, cancellation);
            session = new LoginSession(gate, endpoint.Issuer, tokens.RefreshToken, tokens.AccessToken, tokens.ExpiresAt, authority is null ? null : Path.GetFullPath(authority));
        }

        session = session with { Prefect = prefect };
        session.Write(profile);

        // A session of its own: the command line and this one would use up each other's refresh tokens.
        var forked = await endpoint.ForkAsync(session.RefreshToken, cancellation);
        TemporalProfile.Write(profile, gate, endpoint.TokenUrl, forked, session.Authority);
        var who = (await endpoint.WhoAmIAsync(session.AccessToken, cancellation)).GetProperty("caller").GetString();
        output.Words($"{(isNew ? "Logged in" : "Still logged in")} as {who}. temporal --profile {profile} … works now ({TemporalProfile.File}).");
        if (prefect is not null)
        {
            var isActive = PrefectProfile.Write(profile, prefect, session.AccessToken, session.Authority);
            output.Words($"prefect --profile {profile} … works until {session.ExpiresAt:O}{(isActive ? "" : $", without --profile after prefect profile use {profile}")} ({PrefectProfile.File}); postern agent --profile {profile} renews for longer.");
        }

        return ExitCodes.Ok;
    }

    private static async Task<IssuedTokens> LogInAsync(ParseResult parsed, CommandOutput output, OAuthEndpoint endpoint, Func<Uri, bool> browser, TimeProvider time, CancellationToken cancellation)
    {
        if (!endpoint.HasLogin)
        {
            throw new LoginException("People can't log in at this gate: no issuer of its configuration has a login.");
        }

        return parsed.GetValue(Device)
            ? await endpoint.AuthorizeDeviceAsync((page, code) => output.Words($"Open {page} in any browser, log in and confirm the code {code}."), cancellation)
            : await BrowserLogin.RunAsync(endpoint, browser, (url, isOpen) => output.Words($"{(isOpen ? "Log in in the browser that opens, or at" : "Log in at")} {url}"), time, cancellation);
    }

    private static async Task<LoginSession?> StillLivesAsync(LoginSession known, string profile, OAuthEndpoint endpoint, TimeProvider time, CancellationToken cancellation)
    {
        try
        {
            return await TerminalOptions.FreshAsync(known with { ExpiresAt = DateTimeOffset.MinValue }, profile, endpoint, time, cancellation);
        }
        catch (LoginException e) when (e.Error == "invalid_grant")
        {
            return null;
        }
    }
}
