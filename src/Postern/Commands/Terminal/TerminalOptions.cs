using System.CommandLine;
using System.Security.Cryptography;
using Postern.Commands.Workload;

namespace Postern.Commands.Terminal;

/// <summary>Options that <c>login</c>, <c>logout</c> and <c>whoami</c> share, and what they do alike.</summary>
internal static class TerminalOptions
{
    public static readonly Option<string> Profile = new("--profile")
    {
        Description = "The profile, here and in the temporal command line: letters, digits, '-' and '_'. Default: TEMPORAL_PROFILE, otherwise default.",
        HelpName = "name",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("TEMPORAL_PROFILE") is { Length: > 0 } named ? named : "default",
    };

    static TerminalOptions() => NamesAProfile(Profile);

    /// <summary>Takes only what can be part of a file's name.</summary>
    public static void NamesAProfile(Option<string> option) => option.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<string>() is not { Length: > 0 and <= 64 } name || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
        {
            result.AddError("--profile takes at most 64 letters, digits, '-' and '_'.");
        }
    });

    /// <summary>A verb about the session of a profile.</summary>
    public static VerbCommand Verb(string name, string description, IReadOnlyList<string> examples, Func<ParseResult, CommandOutput, CancellationToken, Task<int>> run)
    {
        var command = new VerbCommand(name, description, examples) { Profile };
        command.SetAction((parsed, cancellation) =>
        {
            var output = new CommandOutput(parsed);
            return RunAsync(output, () => run(parsed, output, cancellation));
        });
        return command;
    }

    /// <summary>Runs a verb and says in words what a person can do about its failure.</summary>
    public static async Task<int> RunAsync(CommandOutput output, Func<Task<int>> verb)
    {
        try
        {
            return await verb();
        }
        catch (Exception e) when (e is LoginException or InvalidDataException or IOException or UnauthorizedAccessException or CryptographicException)
        {
            output.Words(e.Message);
            return ExitCodes.Failed;
        }
    }

    public static HttpClient Http(string? authority) => new(WorkloadIdentity.Handler(authority)) { Timeout = TimeSpan.FromSeconds(30) };

    /// <summary>The session with a token that holds for a while yet; refreshed and kept where the one in hand doesn't.</summary>
    public static async Task<LoginSession> FreshAsync(LoginSession session, string profile, OAuthEndpoint endpoint, TimeProvider time, CancellationToken cancellation)
    {
        if (session.ExpiresAt > time.GetUtcNow() + TimeSpan.FromMinutes(1))
        {
            return session;
        }

        var tokens = await endpoint.RefreshAsync(session.RefreshToken, cancellation);
        var fresh = session with { RefreshToken = tokens.RefreshToken, AccessToken = tokens.AccessToken, ExpiresAt = tokens.ExpiresAt };
        fresh.Write(profile);
        return fresh;
    }
}
