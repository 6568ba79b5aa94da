using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Storage;

/// <summary>One step of the store's schema: <c>Migrations/‹number›-‹name›.sql</c>, the same text for both databases.</summary>
internal sealed record Migration(long Number, string Name, string Sql)
{
    private const string Folder = "migrations/";

    /// <summary>All steps that this build knows, in their order: 1, 2, 3 …</summary>
    public static readonly IReadOnlyList<Migration> All = Read(typeof(Migration).Assembly);

    /// <summary>The number of the last step that this build knows.</summary>
    public static long Last => All[^1].Number;

    /// <summary>Tells whether a step was edited after it had been applied.</summary>
    public string Checksum { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sql)));

    private static List<Migration> Read(Assembly assembly)
    {
        var all = new List<Migration>();
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(Folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            var file = Path.GetFileNameWithoutExtension(resource);
            var dash = file.IndexOf('-', StringComparison.Ordinal);
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
            var migration = new Migration(long.Parse(file.AsSpan(0, dash), CultureInfo.InvariantCulture), file[(dash + 1)..], reader.ReadToEnd());
            all.Add(migration.Number == all.Count + 1 ? migration : throw new InvalidOperationException($"{resource} isn't the migration after {all.Count}."));
        }

        return all;
    }
}

/// <summary>A step that a store has behind it.</summary>
internal sealed record AppliedMigration(long Number, string Name, string Checksum, long AppliedAt);

/// <summary>The store and this build don't fit; waiting doesn't help.</summary>
internal sealed class StoreMismatchException(string message) : Exception(message)
{
    /// <summary>Null where the steps behind a store are a beginning of those that this build knows.</summary>
    public static string? Difference(IReadOnlyList<AppliedMigration> applied)
    {
        if (applied.Count > 0 && applied[^1].Number > Migration.Last)
        {
            return Newer(applied[^1].Number);
        }

        for (var i = 0; i < applied.Count; i++)
        {
            if (applied[i].Number != Migration.All[i].Number)
            {
                return $"the store lacks migration {Migration.All[i].Number} but has {applied[i].Number}: somebody changed it by hand; restore a backup";
            }

            if (applied[i].Checksum != Migration.All[i].Checksum)
            {
                return $"migration {applied[i].Number} ({applied[i].Name}) was applied with another text than this build has: run the Postern that made the store, or restore a backup";
            }
        }

        return null;
    }

    public static string Newer(long number) => $"the store is at migration {number}, this build knows {Migration.Last}: run the newer Postern, or restore a backup";
}
