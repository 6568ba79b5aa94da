using System.Globalization;
using Postern.Storage;

namespace Postern.Commands;

/// <summary><c>postern storage status</c>.</summary>
internal static class StorageStatusCommand
{
    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "status",
            "Says where the store is, at which migration, and what is in it. Changes nothing. Ends with 1 where the store can't be asked or isn't one that this build can work with.",
            "postern storage status",
            "postern storage status --output json | jq .migration");
        StorageCommand.Run(command, time, async (store, _, output, cancellation) =>
        {
            var status = await store.StatusAsync(cancellation);
            if (output.IsJson)
            {
                PrintJson(output, store, status);
            }
            else
            {
                PrintText(output, store, status);
            }

            output.WordsIfAny(status.Difference ?? "");
            return status.Difference is null ? ExitCodes.Ok : ExitCodes.Failed;
        });
        return command;
    }

    private static void PrintText(CommandOutput output, SqlStore store, StoreStatus status)
    {
        output.Result($"{store.Kind} {store.Place}");
        foreach (var migration in status.Applied)
        {
            output.Result($"migration {migration.Number} {migration.Name}, applied {Time(migration)}");
        }

        foreach (var migration in Pending(status))
        {
            output.Result($"migration {migration.Number} {migration.Name}, not applied: the next start of a gate does, or postern storage migrate");
        }

        if (status.Counts is { } counts)
        {
            output.Result(StorageCommand.Words(counts));
        }
    }

    private static void PrintJson(CommandOutput output, SqlStore store, StoreStatus status) => output.Json(json =>
    {
        json.WriteStartObject();
        StorageCommand.WriteStore(json, store, status.Counts);
        json.WriteNumber("migration", status.Applied.Count == 0 ? 0 : status.Applied[^1].Number);
        json.WriteNumber("known", Migration.Last);
        json.WriteString("problem", status.Difference);
        json.WriteStartArray("migrations");
        foreach (var migration in status.Applied)
        {
            json.WriteStartObject();
            json.WriteNumber("number", migration.Number);
            json.WriteString("name", migration.Name);
            json.WriteString("appliedAt", Time(migration));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static IEnumerable<Migration> Pending(StoreStatus status) => status.Difference is null ? Migration.All.Skip(status.Applied.Count) : [];

    private static string Time(AppliedMigration migration) =>
        DateTimeOffset.FromUnixTimeMilliseconds(migration.AppliedAt).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
