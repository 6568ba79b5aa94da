namespace Postern.Commands.Terminal;

/// <summary>Files that only their owner reads, replaced as a whole.</summary>
internal static class PrivateFile
{
    /// <summary>Writes beside and then over: a reader sees the old text or the new.</summary>
    public static void Write(string file, string text)
    {
        var next = file + ".next";
        File.Delete(next);
        using (var stream = new FileStream(next, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }

        File.Move(next, file, overwrite: true);
    }
}
