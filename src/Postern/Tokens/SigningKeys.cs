using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Postern.Telemetry;

namespace Postern.Tokens;

/// <summary>
/// The ES256 keys of one purpose. A key is published at once, signs after <see cref="SigningKeyTimes.PublishAhead"/>, and is gone when the next one has signed for
/// longer than any token lives. Two gates that read the same folder agree.
/// </summary>
internal sealed partial class SigningKeys : IDisposable
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromMinutes(1);
    // Within it a key that another gate made counts as published since then, so that gates which read at different moments agree.
    private static readonly TimeSpan LateAfter = 5 * ReadEvery;

    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(1);

    private readonly string _folder;
    private readonly SigningKeyFolder _files;
    private readonly SigningKeyTimes _times;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly Lock _refreshing = new();
    private Dictionary<string, DateTimeOffset> _published = [];
    private Keys _keys = new([], null, default);
    private long _askedAgain;

    /// <summary>Reads the keys, and makes the first where there are none. Throws where neither can be done: without a key nothing can be presented.</summary>
    public SigningKeys(string folder, TimeProvider time, ILogger logger, SigningKeyTimes? times = null)
    {
        _folder = folder;
        _times = times ?? new SigningKeyTimes();
        _time = time;
        _logger = logger;
        _files = new SigningKeyFolder(folder, time, logger);
        if (_files.Read().Count == 0)
        {
            _files.Create();
        }

        Refresh();
        if (_keys.Signing is null)
        {
            throw new IOException($"There is no signing key in {folder} that can be used.");
        }

        _timer = time.CreateTimer(static state => ((SigningKeys)state!).Refresh(), this, ReadEvery, ReadEvery);
    }

    /// <summary>The key that signs now.</summary>
    public SigningKey Current => Volatile.Read(ref _keys).Signing!;

    /// <summary>The public key set as JSON, or nothing: never an empty set, never anything else.</summary>
    public ReadOnlyMemory<byte> PublicSet => Volatile.Read(ref _keys).PublicSet;

    /// <summary>
    /// A key that is published, by its id. One that isn't known makes the folder be read again, at most once a second: another gate may have made it a moment ago.
    /// </summary>
    public SigningKey? Find(string? id)
    {
        if (string.IsNullOrEmpty(id))
        {
            return null;
        }

        if (Among(id) is { } known)
        {
            return known;
        }

        lock (_refreshing)
        {
            if (_time.GetElapsedTime(_askedAgain) < AskAgainAfter)
            {
                return Among(id);
            }

            _askedAgain = _time.GetTimestamp();
        }

        Refresh();
        return Among(id);
    }

    /// <summary>Makes the next key now; it signs after <see cref="SigningKeyTimes.PublishAhead"/>.</summary>
    public void Rotate()
    {
        lock (_refreshing)
        {
            _files.Create();
            Refresh();
        }
    }

    /// <summary>Reads the folder again, makes the next key when its time has come, and deletes keys whose tokens are gone.</summary>
    public void Refresh()
    {
        lock (_refreshing)
        {
            try
            {
                var found = _files.Read();
                if (found.Count == 0)
                {
                    // A folder that is empty or away for a while must not stop the gate, and a new key would sign before anybody knows it.
                    Log.NotRead(_logger, _folder, "it holds no key that can be used");
                    return;
                }

                if (_time.GetUtcNow() - found[^1].Made >= _times.RotateAfter - _times.PublishAhead && TryChange(_files.Create))
                {
                    found = _files.Read();
                }

                Show(found);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Log.NotRead(_logger, _folder, e.Message);
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private SigningKey? Among(string id)
    {
        foreach (var key in Volatile.Read(ref _keys).All)
        {
            if (string.Equals(key.Id, id, StringComparison.Ordinal))
            {
                return key;
            }
        }

        return null;
    }

    private void Show(IReadOnlyList<SigningKey> found)
    {
        var now = _time.GetUtcNow();
        _published = found.ToDictionary(key => key.Id, key => PublishedSince(key, now), StringComparer.Ordinal);
        var shown = new List<SigningKey>();
        for (var i = 0; i < found.Count; i++)
        {
            if (found.Skip(i + 1).Any(next => now >= _published[next.Id] + _times.PublishAhead + _times.KeepAfter))
            {
                var gone = found[i];
                TryChange(() => _files.Delete(gone));
            }
            else
            {
                shown.Add(found[i]);
            }
        }

        // The newest that has been published long enough; where none has, the one that signs already, since a server may know no other; else the one published
        // longest: a new gate has nothing older to sign with.
        var before = _keys;
        var signing = shown.LastOrDefault(key => now >= _published[key.Id] + _times.PublishAhead)
            ?? shown.Find(key => key.Id == before.Signing?.Id)
            ?? shown.MinBy(key => _published[key.Id])!;
        Volatile.Write(ref _keys, new Keys(shown, signing, PublicKeySet.Write([.. shown.Select(key => key.Public)])));
        foreach (var key in before.All.Where(key => !shown.Contains(key)))
        {
            key.Withdraw();
        }
    }

    // A file may come long after the time in its name: servers know its key since it came. What stands there at the start was published before.
    private DateTimeOffset PublishedSince(SigningKey key, DateTimeOffset now) =>
        _published.TryGetValue(key.Id, out var since) ? since : _keys.All.Count == 0 || now - key.Made <= LateAfter ? key.Made : now;

    // Keys may come as files that only somebody else can write: then he rotates them, and what is there serves on.
    private bool TryChange(Action change)
    {
        try
        {
            change();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            Log.NotWritten(_logger, _folder, e.Message);
            return false;
        }
    }

    private sealed record Keys(IReadOnlyList<SigningKey> All, SigningKey? Signing, ReadOnlyMemory<byte> PublicSet);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Tokens + 2, LogLevel.Error, "Signing keys in {Folder} can't be read: {Reason}. The keys in memory stay in use")]
        public static partial void NotRead(ILogger logger, string folder, string reason);

        [LoggerMessage(EventIds.Tokens + 5, LogLevel.Warning, "Signing keys in {Folder} can't be changed: {Reason}. Whoever provides them must rotate them")]
        public static partial void NotWritten(ILogger logger, string folder, string reason);
    }
}
