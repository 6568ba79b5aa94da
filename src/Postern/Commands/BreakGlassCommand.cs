using System.CommandLine;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Configuration;
using Postern.Hosting;
using Postern.Identity.BreakGlass;

namespace Postern.Commands;

/// <summary><c>postern break-glass create</c>: a credential for emergencies, made on the gate's own machine.</summary>
internal static class BreakGlassCommand
{
    private static readonly TimeSpan s_longestLife = TimeSpan.FromDays(730);
    private static readonly TimeSpan s_longestSession = TimeSpan.FromHours(4);

    private static readonly Option<string> Name = new("--name") { Description = "Who is to hold it: letters, digits, '-'. Records and histories name it.", Required = true, HelpName = "name" };

    private static readonly Option<int> Days = new("--days") { Description = "How long it can wait to be used; at most 730.", DefaultValueFactory = _ => 365, HelpName = "days" };

    private static readonly Option<int> Minutes = new("--minutes") { Description = "How long its one session lasts; at most 240.", DefaultValueFactory = _ => 30, HelpName = "minutes" };

    public static Command Create(TimeProvider time)
    {
        var create = new VerbCommand(
            "create",
            "Makes a credential for the day on which identity provider and store are down, and prints it once: into an envelope with it. It is sent as a bearer token, works for one "
            + "session from its first call, and may what the policy allows group:postern/break-glass. Its use is logged as critical.",
            "postern break-glass create --name ops-lead",
            "postern break-glass create --name ops-lead --days 90 --minutes 15 --output json")
        {
            CommonOptions.Config, Name, Days, Minutes,
        };
        create.SetAction(parsed => Run(parsed, time));
        return new VerbCommand("break-glass", "Credentials for emergencies: see create.", "postern break-glass create --name ops-lead") { create };
    }

    private static int Run(ParseResult parsed, TimeProvider time)
    {
        var output = new CommandOutput(parsed);
        var (name, life, session) = (parsed.GetRequiredValue(Name), TimeSpan.FromDays(parsed.GetValue(Days)), TimeSpan.FromMinutes(parsed.GetValue(Minutes)));
        if (name.Length is 0 or > 40 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') || life <= TimeSpan.Zero || life > s_longestLife || session <= TimeSpan.Zero || session > s_longestSession)
        {
            output.Words("--name takes at most 40 letters, digits and '-'; --days 1 to 730; --minutes 1 to 240.");
            return ExitCodes.Usage;
        }

        var read = PosternConfiguration.Load(parsed.GetRequiredValue(CommonOptions.Config));
        if (read.Options is not { } options)
        {
            return ProblemPrinter.Print(output, read.Problems);
        }

        if (!options.Identity.KeepsAccounts)
        {
            output.Words("This gate takes no such credentials: write identity: { accounts: enabled } first.");
            return ExitCodes.Invalid;
        }

        try
        {
            var credential = BreakGlassCredential.Create(name, time.GetUtcNow() + life, session);
            var text = credential.Write(CredentialKeys.SealOf(options.Data, time, NullLoggerFactory.Instance));
            if (output.IsJson)
            {
                output.Json(json =>
                {
                    json.WriteStartObject();
                    json.WriteString("id", credential.Id);
                    json.WriteString("credential", text);
                    json.WriteString("notAfter", credential.NotAfter);
                    json.WriteEndObject();
                });
            }
            else
            {
                output.Result(text);
                output.Words($"Id {credential.Id}; waits until {credential.NotAfter:O}. It is not shown again, and was written nowhere. postern revoke token {credential.Id} makes it void.");
            }

            return ExitCodes.Ok;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            output.Words($"The gate's keys can't be read: {e.Message}");
            return ExitCodes.Failed;
        }
    }
}
