using Postern.Configuration;

namespace Postern.Commands.Checks;

/// <summary>Whether the folders that the gate writes to can be written by this user.</summary>
internal static class FolderChecks
{
    public static async Task RunAsync(PosternOptions options, Problems problems, CancellationToken cancellation)
    {
        await CheckAsync(options.Audit.File, "audit.file", problems, cancellation);
        await CheckAsync(options.Data, "data", problems, cancellation);
    }

    private static async Task CheckAsync(string folder, string path, Problems problems, CancellationToken cancellation)
    {
        if (folder.Length == 0)
        {
            return;
        }

        // The gate creates a folder that is missing, so the question is then whether its parent lets it.
        var existing = folder;
        while (!Directory.Exists(existing))
        {
            if (Path.GetDirectoryName(existing) is not { Length: > 0 } parent)
            {
                break;
            }

            existing = parent;
        }

        var probe = Path.Combine(existing, $".postern-check-{Guid.NewGuid():N}");
        try
        {
            await File.WriteAllBytesAsync(probe, new byte[4096], cancellation);
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Error(path, $"{existing} can't be written by this user: {e.Message}");
        }
    }
}
