using System.CommandLine;

namespace Postern.Commands.Terminal;

/// <summary><c>postern logout</c>: ends the session, here and at the gate.</summary>
internal static class LogoutCommand
{
    public static VerbCommand Create(TimeProvider time) => TerminalOptions.Verb(
        "logout",
        "Ends the session of a profile at the gate, and forgets it here and in the profiles of the engines' command lines.",
        ["postern logout", "postern logout --profile prod"],
        (parsed, output, cancellation) => RunAsync(parsed, output, time, cancellation));

    private static async Task<int> RunAsync(ParseResult parsed, CommandOutput output, TimeProvider time, CancellationToken cancellation)
    {
        var profile = parsed.GetRequiredValue(TerminalOptions.Profile);
        var session = LoginSession.Read(profile);
        var ofTemporal = TemporalProfile.RefreshTokenOf(profile);
        if (session is null)
        {
            output.Words($"Nobody is logged in in the profile {profile}.");
            return ExitCodes.Ok;
        }

        string? trouble = null;
        try
        {
            using var http = TerminalOptions.Http(session.Authority);
            var endpoint = await OAuthEndpoint.DiscoverAsync(http, session.Issuer, time, cancellation);
            foreach (var token in new[] { ofTemporal, session.RefreshToken }.OfType<string>())
            {
                await endpoint.RevokeAsync(token, cancellation);
            }
        }
        catch (LoginException e)
        {
            trouble = e.Message;
        }

        // Forgotten here in any case: what can't be ended at the gate must not lie around either.
        TemporalProfile.Remove(profile);
        if (session.Prefect is not null)
        {
            PrefectProfile.Remove(profile);
        }

        LoginSession.Delete(profile);
        if (trouble is null)
        {
            output.Words("Logged out.");
            return ExitCodes.Ok;
        }

        output.Words($"Forgotten here; at the gate the session goes on until it ends by itself, since it couldn't be told: {trouble}");
        return ExitCodes.Failed;
    }
}
