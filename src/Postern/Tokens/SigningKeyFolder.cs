using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Postern.Telemetry;

namespace Postern.Tokens;

/// <summary>
/// Signing keys as files that all gates of a cluster may share, one PEM each: <c>&lt;unix seconds of its making&gt;-&lt;anything&gt;.pem</c>. The name holds what the
/// gates must agree on; there is no state beside the files. Whoever puts a key there himself names it by the time at which it comes there.
/// </summary>
internal sealed partial class SigningKeyFolder
{
    private readonly string _folder;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private Dictionary<FileState, SigningKey?> _read = [];

    public SigningKeyFolder(string folder, TimeProvider time, ILogger logger)
    {
        _folder = folder;
        _time = time;
        _logger = logger;
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>The keys, oldest first. A file that didn't change gives the same object again; one that can't be used is left out and said so once.</summary>
    public IReadOnlyList<SigningKey> Read()
    {
        var read = new Dictionary<FileState, SigningKey?>();
        foreach (var file in new DirectoryInfo(_folder).EnumerateFiles("*.pem"))
        {
            if (file.Name.StartsWith('.') || !file.Exists)
            {
                continue;
            }

            var state = new FileState(file.Name, file.LastWriteTimeUtc, file.Length);
            // What couldn't be read is tried again: neither a new owner nor the end of a disk's trouble changes the file's time.
            var isSaid = _read.TryGetValue(state, out var known);
            read[state] = known ?? Read(file, isSaid);
        }

        _read = read;
        return [.. read.Values.OfType<SigningKey>().OrderBy(key => key.Made).ThenBy(key => key.Id, StringComparer.Ordinal).DistinctBy(key => key.Id)];
    }

    public void Create()
    {
        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var key = new SigningKey(ecdsa, _time.GetUtcNow());
        var name = string.Create(CultureInfo.InvariantCulture, $"{key.Made.ToUnixTimeSeconds()}-{key.Id}.pem");
        var temporary = Path.Combine(_folder, "." + name);
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
            using (var stream = new FileStream(temporary, options))
            {
                using var writer = new StreamWriter(stream, leaveOpen: true);
                writer.Write(ecdsa.ExportPkcs8PrivateKeyPem());
                writer.Flush();
                stream.Flush(flushToDisk: true);
            }

            // Appears whole or not at all: another gate may be reading.
            File.Move(temporary, Path.Combine(_folder, name));
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        Log.Made(_logger, key.Id);
    }

    public void Delete(SigningKey key)
    {
        foreach (var (state, known) in _read)
        {
            if (known?.Id == key.Id)
            {
                File.Delete(Path.Combine(_folder, state.Name));
                Log.Deleted(_logger, key.Id);
            }
        }
    }

    private SigningKey? Read(FileInfo file, bool isSaid)
    {
        var dash = file.Name.IndexOf('-', StringComparison.Ordinal);
        if (dash <= 0 || !long.TryParse(file.Name.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var made) || made > DateTimeOffset.MaxValue.ToUnixTimeSeconds())
        {
            return None("its name doesn't begin with the unix time of its making and a dash");
        }

        try
        {
            var ecdsa = ECDsa.Create();
            ecdsa.ImportFromPem(File.ReadAllText(file.FullName));
            // Fails here, and not at the first call, where the file holds a public key only.
            ecdsa.SignData([], HashAlgorithmName.SHA256);
            var key = new SigningKey(ecdsa, DateTimeOffset.FromUnixTimeSeconds(made));
            if ((file.UnixFileMode & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.GroupWrite)) != UnixFileMode.None)
            {
                Log.Exposed(_logger, file.Name);
            }

            return key;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            return None(e.Message);
        }

        SigningKey? None(string reason)
        {
            if (!isSaid)
            {
                Log.NotAKey(_logger, file.Name, reason);
            }

            return null;
        }
    }

    private readonly record struct FileState(string Name, DateTime Written, long Length);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Tokens + 0, LogLevel.Information, "Signing key {KeyId} made; it is published now and signs later")]
        public static partial void Made(ILogger logger, string keyId);

        [LoggerMessage(EventIds.Tokens + 1, LogLevel.Information, "Signing key {KeyId} deleted: all its tokens have ended")]
        public static partial void Deleted(ILogger logger, string keyId);

        [LoggerMessage(EventIds.Tokens + 3, LogLevel.Error, "Signing key file {File} can't be used: {Reason}")]
        public static partial void NotAKey(ILogger logger, string file, string reason);

        [LoggerMessage(EventIds.Tokens + 4, LogLevel.Warning, "Signing key file {File} can be read by everybody on this host, or written by others than its owner: chmod 600")]
        public static partial void Exposed(ILogger logger, string file);
    }
}
