using System.Globalization;
using Microsoft.Extensions.Logging;
using Postern.Telemetry;

namespace Postern.Audit.Sinks;

/// <summary>
/// JSON lines in a folder: <c>audit.jsonl</c> is written, <c>audit-20260131T235959Z.jsonl</c> are closed. Rotates by size and age, keeps so many closed files,
/// and goes on in a new file when somebody moved or deleted the one that is open.
/// </summary>
/// <remarks>
/// Bytes are written at an offset that only a successful flush moves on. A write that failed half-way (a full disk) is thus overwritten by its repetition:
/// no line is torn, none stands twice.
/// </remarks>
internal sealed partial class FileAuditSink : IAuditSink
{
    public const string CurrentName = "audit.jsonl";

    private const string LockName = "audit.lock";
    private static readonly TimeSpan RotateRetry = TimeSpan.FromMinutes(1);

    private const UnixFileMode FileMode640 = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
    private const UnixFileMode FolderMode750 = FileMode640 | UnixFileMode.UserExecute | UnixFileMode.GroupExecute;

    private readonly AuditOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly string _path;
    private readonly FileStream _lock;
    private FileStream? _stream;
    private long _durable;
    private long _written;
    private bool _mustTruncate;
    private DateTimeOffset _begun;
    private DateTimeOffset _notBefore;
    private volatile bool _reopen;

    /// <summary>Opens the file, so that a folder that can't be written fails the start and not the first call.</summary>
    public FileAuditSink(AuditOptions options, TimeProvider time, ILogger<FileAuditSink> logger)
    {
        (_options, _time, _logger) = (options, time, logger);
        _path = Path.Combine(options.File, CurrentName);
        Directory.CreateDirectory(options.File, FolderMode750);
        // A second process on the same folder is refused here: two writers would overwrite each other's lines.
        _lock = OpenFile(Path.Combine(options.File, LockName), FileShare.None);
        try
        {
            Open();
        }
        catch
        {
            _lock.Dispose();
            throw;
        }
    }

    /// <summary>Closes the file at the next write and opens it by its name again, for tools that move it away. May be called from any thread.</summary>
    public void Reopen() => _reopen = true;

    public ValueTask WriteAsync(ReadOnlyMemory<byte> lines, CancellationToken cancellationToken)
    {
        try
        {
            // Only between batches: what isn't flushed yet must stay in one file.
            if (_written == _durable)
            {
                PrepareFile();
            }

            RandomAccess.Write(_stream!.SafeFileHandle, lines.Span, _written);
            _written += lines.Length;
            return ValueTask.CompletedTask;
        }
        catch
        {
            TakeBack();
            throw;
        }
    }

    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        try
        {
            RandomAccess.FlushToDisk(_stream!.SafeFileHandle);
            _durable = _written;
            return ValueTask.CompletedTask;
        }
        catch
        {
            // After a failed flush the kernel may call the same pages clean; only writing them again makes the next flush mean something.
            TakeBack();
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        _stream?.Dispose();
        _stream = null;
        _lock.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>After a failure: what isn't flushed counts as not written.</summary>
    internal void TakeBack()
    {
        _written = _durable;
        _mustTruncate = true;
    }

    private void PrepareFile()
    {
        if (_stream is not null && (_reopen || !File.Exists(_path)))
        {
            Close();
        }

        if (_stream is null)
        {
            Open();
        }

        if (_mustTruncate)
        {
            RandomAccess.SetLength(_stream!.SafeFileHandle, _durable);
            _mustTruncate = false;
        }

        var now = _time.GetUtcNow();
        if (_durable > 0 && now >= _notBefore && (_durable >= _options.RotateBytes.Bytes || now - _begun >= _options.RotateAfter))
        {
            Rotate(now);
        }
    }

    private static FileStream OpenFile(string path, FileShare share) => new(path, new FileStreamOptions
    {
        Mode = FileMode.OpenOrCreate,
        Access = FileAccess.ReadWrite,
        Share = share,
        BufferSize = 0,
        UnixCreateMode = FileMode640,
    });

    private void Open()
    {
        Directory.CreateDirectory(_options.File, FolderMode750);
        var isNew = !File.Exists(_path);
        var stream = OpenFile(_path, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            _durable = _written = TornLine.Complete(stream.SafeFileHandle, _time.GetUtcNow());
            _mustTruncate = false;
            _begun = isNew ? _time.GetUtcNow() : new DateTimeOffset(File.GetCreationTimeUtc(_path), TimeSpan.Zero);
            FolderFlush.Flush(_options.File);
            _stream = stream;
            _reopen = false;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private void Close()
    {
        _stream!.Dispose();
        _stream = null;
        _durable = _written = 0;
    }

    private void Rotate(DateTimeOffset now)
    {
        try
        {
            File.Move(_path, ClosedName());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The open file goes on growing, which is better than refusing calls.
            Log.NotRotated(_logger, e);
            _notBefore = now + RotateRetry;
            return;
        }

        Close();
        Open();
        DeleteOldest();
    }

    private string ClosedName()
    {
        var stem = Path.Combine(_options.File, "audit-" + _time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture));
        var name = stem + ".jsonl";
        for (var i = 1; File.Exists(name); i++)
        {
            name = string.Create(CultureInfo.InvariantCulture, $"{stem}-{i:D4}.jsonl");
        }

        return name;
    }

    private void DeleteOldest()
    {
        if (_options.Keep == 0)
        {
            return;
        }

        // '-' sorts before '.', so files closed within one second need their own order: by time of last write, then by name.
        var closed = Directory.GetFiles(_options.File, "audit-*.jsonl").OrderBy(File.GetLastWriteTimeUtc).ThenBy(f => f, StringComparer.Ordinal).ToList();
        foreach (var file in closed.Take(closed.Count - _options.Keep))
        {
            try
            {
                File.Delete(file);
                Log.Deleted(_logger, file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Log.NotDeleted(_logger, e, file);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Audit + 11, LogLevel.Error, "The audit file can't be rotated; it goes on growing")]
        public static partial void NotRotated(ILogger logger, Exception cause);

        [LoggerMessage(EventIds.Audit + 12, LogLevel.Information, "The closed audit file {File} was deleted, as keep says")]
        public static partial void Deleted(ILogger logger, string file);

        [LoggerMessage(EventIds.Audit + 13, LogLevel.Error, "The closed audit file {File} can't be deleted")]
        public static partial void NotDeleted(ILogger logger, Exception cause, string file);
    }
}
