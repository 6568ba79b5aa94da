using System.CommandLine;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Admin;
using Postern.Configuration;
using Postern.Hosting;
using Postern.Model;
using Postern.Storage;
using Postern.Tokens;

namespace Postern.Commands;

/// <summary><c>postern init</c>: what a gate needs before its first start, and the one-time token for its first administrator.</summary>
internal static class InitCommand
{
    private static readonly Option<bool> NewToken = new("--new-token") { Description = "Print a token although there are accounts already: the way back in where no administrator is left." };

    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "init",
            "Makes the data folder, its keys and the store where they are missing, and prints a one-time token for the first administrator. Run it as the user that the gate runs as.",
            "postern init --config /etc/postern/postern.yaml",
            "curl -X POST -H \"Authorization: Bearer $(postern init)\" -H 'Content-Type: application/json' -d '{}' http://127.0.0.1:7239/v1/bootstrap")
        {
            NewToken,
            CommonOptions.Config,
        };
        command.SetAction((parsed, cancellation) => RunAsync(parsed, time, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, TimeProvider time, CancellationToken cancellation)
    {
        var output = new CommandOutput(parsed);
        var read = PosternConfiguration.Load(parsed.GetRequiredValue(CommonOptions.Config));
        if (read.Options is not { } options)
        {
            return ProblemPrinter.Print(output, read.Problems);
        }

        try
        {
            MakeKeys(options.Data, time);
            if (!options.Identity.KeepsAccounts)
            {
                output.Words($"{options.Data} is ready. The gate keeps no accounts of its own (identity.accounts), so there is no administrator to begin with.");
                return ExitCodes.Ok;
            }

            return await MakeTokenAsync(parsed, options, output, time, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or StoreUnavailableException or StoreMismatchException)
        {
            output.Words(e.Message);
            return ExitCodes.Failed;
        }
    }

    private static void MakeKeys(string data, TimeProvider time)
    {
        Directory.CreateDirectory(data);
        using var engine = new SigningKeys(Path.Combine(data, "keys", "engine"), time, NullLogger<SigningKeys>.Instance);
        _ = new SealKeys(Path.Combine(data, "keys", "seal"), time, NullLogger<SealKeys>.Instance);
    }

    private static async Task<int> MakeTokenAsync(ParseResult parsed, PosternOptions options, CommandOutput output, TimeProvider time, CancellationToken cancellation)
    {
        await using var store = StoreFactory.Create(options.Storage, options.Data, time);
        await store.MigrateAsync(cancellation);
        var found = await store.ReadAsync(cancellation);
        if (found.Accounts.Count + found.Users.Count > 0 && !parsed.GetValue(NewToken))
        {
            output.Words($"{store.Place} has {found.Accounts.Count} accounts and {found.Users.Count} users already. Where no administrator is left among them, --new-token prints another token.");
            return ExitCodes.Conflict;
        }

        var (item, text) = BootstrapToken.Create(CredentialKeys.HashOf(options.Data, time, NullLoggerFactory.Instance), time.GetUtcNow());
        if (!await store.PutAsync(item, cancellation))
        {
            output.Words("The token's id is in use; try again.");
            return ExitCodes.Failed;
        }

        if (output.IsJson)
        {
            output.Json(json =>
            {
                json.WriteStartObject();
                json.WriteString("token", text);
                json.WriteString("expiresAt", item.ExpiresAt);
                json.WriteEndObject();
            });
            return ExitCodes.Ok;
        }

        output.Result(text);
        output.Words($"The token is good once, until {item.ExpiresAt.UtcDateTime:yyyy-MM-dd HH:mm} UTC, at POST /v1/bootstrap of the running gate's admin listener ({options.Admin.Address}). The answer says which binding to write into the policy.");
        return ExitCodes.Ok;
    }
}
