using System.CommandLine;

namespace Postern.Commands;

/// <summary><c>postern storage restore</c>.</summary>
internal static class StorageRestoreCommand
{
    private static readonly Argument<string> File = new("file") { Description = "A file that postern storage backup made, from either database." };

    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "restore",
            "Fills the configured store, which must be empty, from a backup: all of it or, with any trouble, nothing. Sessions and revocations are those of the backup.",
            "postern storage restore /var/backups/postern-2026-11-28.db",
            "postern storage backup move.db --config sqlite.yaml && postern storage restore move.db --config postgres.yaml")
        {
            File,
        };
        StorageCommand.Run(command, time, async (store, parsed, output, cancellation) =>
        {
            var counts = await store.RestoreAsync(parsed.GetRequiredValue(File), cancellation);
            if (output.IsJson)
            {
                output.Json(json =>
                {
                    json.WriteStartObject();
                    StorageCommand.WriteStore(json, store, counts);
                    json.WriteEndObject();
                });
            }
            else
            {
                output.Words($"The {store.Kind} store at {store.Place} holds {StorageCommand.Words(counts)}.");
            }

            return ExitCodes.Ok;
        });
        return command;
    }
}
