using System.Globalization;

namespace Postern.Identity.BreakGlass;

/// <summary>
/// Which credentials were used, and since when: a file each, beside the keys that all gates of a cluster share, so that a credential has one session on all of
/// them, and neither store nor memory is needed to know.
/// </summary>
internal sealed class BreakGlassUses(string folder)
{
    /// <summary>When the credential's session began: now, if this is its first call. Exactly one of several first calls begins it.</summary>
    /// <exception cref="IOException">It can't be known, or not be written down.</exception>
    public (DateTimeOffset Began, bool IsFirst) Begin(string id, DateTimeOffset now)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var file = Path.Combine(folder, id + ".used");
        // Written beside and linked into place: a file that is there holds its time, whenever it is read.
        var mine = Path.Combine(folder, $".{id}.{Guid.NewGuid():N}");
        if (File.Exists(file))
        {
            return (Read(file), false);
        }

        using (var stream = new FileStream(mine, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            stream.Write(System.Text.Encoding.ASCII.GetBytes(now.UtcDateTime.ToString("O", CultureInfo.InvariantCulture)));
            stream.Flush(flushToDisk: true);
        }

        try
        {
            File.Move(mine, file, overwrite: false);
            return (now, true);
        }
        catch (IOException) when (File.Exists(file))
        {
            File.Delete(mine);
            return (Read(file), false);
        }
    }

    private static DateTimeOffset Read(string file) => DateTimeOffset.TryParse(File.ReadAllText(file), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var began)
        ? began
        : throw new IOException($"{file} can't be read: it should hold a time.");
}
