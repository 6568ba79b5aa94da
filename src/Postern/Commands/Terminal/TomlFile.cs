using Tomlyn;
using Tomlyn.Model;

namespace Postern.Commands.Terminal;

/// <summary>A TOML file of somebody else's program, of which a part is Postern's. Like those programs themselves, writing keeps values and drops comments.</summary>
internal static class TomlFile
{
    /// <summary>What stands in the file; nothing where there is none.</summary>
    /// <exception cref="LoginException">The file isn't TOML, or can't be read.</exception>
    public static TomlTable Read(string file)
    {
        if (!File.Exists(file))
        {
            return [];
        }

        try
        {
            return TomlSerializer.Deserialize<TomlTable>(File.ReadAllText(file)) ?? [];
        }
        catch (Exception e) when (e is TomlException or IOException or UnauthorizedAccessException)
        {
            throw new LoginException($"{file} can't be read, so it is left alone: {e.Message}");
        }
    }

    /// <summary>Replaces the file as a whole, for its owner's eyes only.</summary>
    /// <exception cref="LoginException">It can't be written; nothing was changed.</exception>
    public static void Save(string file, TomlTable document)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file))!);
            PrivateFile.Write(file, TomlSerializer.Serialize(document));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoginException($"{file} can't be written: {e.Message}");
        }
    }

    /// <summary>The table of this name, made where there is none.</summary>
    public static TomlTable Table(TomlTable within, string name)
    {
        if (within.TryGetValue(name, out var known) && known is TomlTable table)
        {
            return table;
        }

        var made = new TomlTable();
        within[name] = made;
        return made;
    }

    /// <summary>The table at the end of these names; null where one of them is missing.</summary>
    public static TomlTable? Find(TomlTable within, params ReadOnlySpan<string> names)
    {
        var at = within;
        foreach (var name in names)
        {
            if (!at.TryGetValue(name, out var next) || next is not TomlTable table)
            {
                return null;
            }

            at = table;
        }

        return at;
    }
}
