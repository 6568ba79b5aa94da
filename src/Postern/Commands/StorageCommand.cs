using System.CommandLine;
using System.Text.Json;
using Postern.Configuration;
using Postern.Model;
using Postern.Storage;

namespace Postern.Commands;

/// <summary><c>postern storage</c>: the verbs that work on the store without a gate.</summary>
internal static class StorageCommand
{
    public static VerbCommand Create(TimeProvider time) => new(
        "storage",
        "Migrates, shows, backs up and restores the store: accounts, keys, users, sessions, revocations.",
        "postern storage status",
        "postern storage backup /var/backups/postern-2026-11-28.db",
        "postern storage restore /var/backups/postern-2026-11-28.db")
    {
        StorageMigrateCommand.Create(time),
        StorageStatusCommand.Create(time),
        StorageBackupCommand.Create(time),
        StorageRestoreCommand.Create(time),
    };

    /// <summary>A verb on the store that is configured. What keeps it from its work is said in words, not by a stack.</summary>
    public static void Run(VerbCommand command, TimeProvider time, Func<SqlStore, ParseResult, CommandOutput, CancellationToken, Task<int>> run)
    {
        command.Add(CommonOptions.Config);
        command.SetAction(async (parsed, cancellation) =>
        {
            var output = new CommandOutput(parsed);
            var configuration = PosternConfiguration.Load(parsed.GetRequiredValue(CommonOptions.Config));
            if (configuration.Options is not { } options)
            {
                return ProblemPrinter.Print(output, configuration.Problems);
            }

            await using var store = StoreFactory.Create(options.Storage, options.Data, time);
            try
            {
                return await run(store, parsed, output, cancellation);
            }
            catch (Exception e) when (e is StoreUnavailableException or StoreMismatchException or InvalidDataException or IOException or UnauthorizedAccessException)
            {
                output.Words(e.Message);
                return ExitCodes.Failed;
            }
        });
    }

    /// <summary>The store with what is in it, as every verb shows it.</summary>
    public static void WriteStore(Utf8JsonWriter json, SqlStore store, StoreCounts? counts)
    {
        json.WriteString("kind", store.Kind);
        json.WriteString("place", store.Place);
        if (counts is null)
        {
            return;
        }

        json.WriteNumber("revision", counts.Revision);
        json.WriteNumber("accounts", counts.Accounts);
        json.WriteNumber("keys", counts.Keys);
        json.WriteNumber("users", counts.Users);
        json.WriteNumber("sessions", counts.Sessions);
        json.WriteNumber("revocations", counts.Revocations);
    }

    public static string Words(StoreCounts counts) =>
        $"{counts.Accounts} accounts, {counts.Keys} keys, {counts.Users} users, {counts.Sessions} open sessions, {counts.Revocations} revocations";
}
