using System.CommandLine;

namespace Postern.Commands;

/// <summary><c>postern storage backup</c>.</summary>
internal static class StorageBackupCommand
{
    private static readonly Argument<string> File = new("file") { Description = "The file to write; it must not be there yet." };

    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "backup",
            "Writes the whole store, as of one moment, into one file, while gates go on. It holds hashes of keys and passwords: it is made with mode 0600, keep it so.",
            "postern storage backup /var/backups/postern-$(date +%F).db")
        {
            File,
        };
        StorageCommand.Run(command, time, async (store, parsed, output, cancellation) =>
        {
            var file = parsed.GetRequiredValue(File);
            await store.BackupAsync(file, cancellation);
            if (output.IsJson)
            {
                output.Json(json =>
                {
                    json.WriteStartObject();
                    StorageCommand.WriteStore(json, store, null);
                    json.WriteString("file", file);
                    json.WriteEndObject();
                });
            }
            else
            {
                output.Words($"The {store.Kind} store at {store.Place} is in {file}.");
            }

            return ExitCodes.Ok;
        });
        return command;
    }
}
