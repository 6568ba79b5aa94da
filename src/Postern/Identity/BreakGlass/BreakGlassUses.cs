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
        try
        {
            // To be the one who makes the file is to be the first: nothing else on a file system is as sure.
            using var stream = new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
            stream.Write(System.Text.Encoding.ASCII.GetBytes(now.UtcDateTime.ToString("O", CultureInfo.InvariantCulture)));
            stream.Flush(flushToDisk: true);
            return (now, true);
        }
        catch (IOException) when (File.Exists(file))
        {
            return (Read(file), false);
        }
    }

    // Whoever made it may not have written its time yet, or ended before it could: then the file's own time is as good.
    private static DateTimeOffset Read(string file) => DateTimeOffset.TryParse(File.ReadAllText(file), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var began)
        ? began
        : new DateTimeOffset(File.GetLastWriteTimeUtc(file), TimeSpan.Zero);
}
