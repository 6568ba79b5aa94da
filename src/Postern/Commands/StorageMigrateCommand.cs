using Postern.Storage;

namespace Postern.Commands;

/// <summary><c>postern storage migrate</c>: what every start does too.</summary>
internal static class StorageMigrateCommand
{
    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "migrate",
            "Makes the store where there is none, and brings it to this build's migration, as every start of a gate does. There is no way back: make a backup first.",
            "postern storage migrate",
            "postern storage backup before.db && postern storage migrate");
        StorageCommand.Run(command, time, async (store, _, output, cancellation) =>
        {
            var applied = await store.MigrateAsync(cancellation);
            if (output.IsJson)
            {
                output.Json(json =>
                {
                    json.WriteStartObject();
                    StorageCommand.WriteStore(json, store, null);
                    json.WriteNumber("migration", Migration.Last);
                    json.WriteStartArray("applied");
                    foreach (var migration in applied)
                    {
                        json.WriteNumberValue(migration.Number);
                    }

                    json.WriteEndArray();
                    json.WriteEndObject();
                });
                return ExitCodes.Ok;
            }

            foreach (var migration in applied)
            {
                output.Result($"{migration.Number} {migration.Name}");
            }

            output.Words($"The {store.Kind} store at {store.Place} is at migration {Migration.Last}{(applied.Count == 0 ? " already" : "")}.");
            return ExitCodes.Ok;
        });
        return command;
    }
}
