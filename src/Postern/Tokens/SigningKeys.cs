using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using Postern.Telemetry;

namespace Postern.Tokens;

/// <summary>
/// The ES256 keys of one purpose, as files that all gates of a cluster may share: <c>&lt;unix seconds&gt;-&lt;kid&gt;.pem</c>. The name says when a key was made and so what
/// state it is in: published at once, signing after <see cref="PublishAhead"/>, and gone when a newer one has signed for longer than any token lives.
/// No state beside the files: two gates that read the same folder agree.
/// </summary>
internal sealed partial class SigningKeys : IDisposable
{
    /// <summary>How long a key is published before it signs. The stock server never refetches for an unknown kid: it must have ticked twice by then.</summary>
    public static readonly TimeSpan PublishAhead = TimeSpan.FromHours(1);

    /// <summary>How long a key signs before the next one takes over.</summary>
    public static readonly TimeSpan RotateAfter = TimeSpan.FromDays(30);

    /// <summary>How long a key stays published after the next one began to sign: above any minted token's life (1h at most) and the server's refresh.</summary>
    public static readonly TimeSpan KeepAfter = TimeSpan.FromHours(4);

    private static readonly TimeSpan ReadEvery = TimeSpan.FromMinutes(1);

    private readonly string _folder;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly Lock _reading = new();
    private Keys _keys;

    public SigningKeys(string folder, TimeProvider time, ILogger logger)
    {
        _folder = folder;
        _time = time;
        _logger = logger;
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _keys = Read();
        if (_keys.All.Count == 0)
        {
            Create();
            _keys = Read();
        }

        _timer = time.CreateTimer(static state => ((SigningKeys)state!).Refresh(), this, ReadEvery, ReadEvery);
    }

    /// <summary>The key that signs now.</summary>
    public SigningCredentials Current => Volatile.Read(ref _keys).Signing!;

    /// <summary>The public key set as JSON: never an empty set, never anything else.</summary>
    public ReadOnlyMemory<byte> PublicSet => Volatile.Read(ref _keys).PublicSet;

    /// <summary>Makes the next key now; it signs after <see cref="PublishAhead"/>.</summary>
    public void Rotate()
    {
        Create();
        Refresh();
    }

    /// <summary>Reads the folder again, makes the next key when its time has come, and deletes keys whose tokens are gone.</summary>
    public void Refresh()
    {
        try
        {
            lock (_reading)
            {
                var keys = Read();
                var now = _time.GetUtcNow();
                if (keys.All.Count == 0 || now - keys.All[^1].Made >= RotateAfter - PublishAhead)
                {
                    Create();
                    keys = Read();
                }

                foreach (var key in keys.All.Where((_, i) => i + 1 < keys.All.Count && now >= keys.All[i + 1].Made + PublishAhead + KeepAfter))
                {
                    File.Delete(key.File);
                    Log.Deleted(_logger, key.Id);
                }

                Volatile.Write(ref _keys, Read());
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            // The keys in memory go on signing: a folder that is away for a while must not stop the gate.
            Log.NotRead(_logger, _folder, e.Message);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Create()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var made = _time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var name = $"{made}-{Id(key)}.pem";
        var temporary = Path.Combine(_folder, $".{name}.{Environment.ProcessId}");
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var file = new StreamWriter(temporary, options))
        {
            file.Write(key.ExportPkcs8PrivateKeyPem());
        }

        // Appears whole or not at all: another gate may be reading.
        File.Move(temporary, Path.Combine(_folder, name));
        Log.Made(_logger, Id(key));
    }

    private Keys Read()
    {
        var found = new List<Key>();
        foreach (var file in Directory.EnumerateFiles(_folder, "*.pem"))
        {
            var name = Path.GetFileNameWithoutExtension(file);
            var dash = name.IndexOf('-', StringComparison.Ordinal);
            if (name.StartsWith('.') || dash <= 0 || !long.TryParse(name.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var made))
            {
                continue;
            }

            var ecdsa = ECDsa.Create();
            ecdsa.ImportFromPem(File.ReadAllText(file));
            found.Add(new Key(file, Id(ecdsa), DateTimeOffset.FromUnixTimeSeconds(made), ecdsa));
        }

        if (found.Count == 0)
        {
            return new Keys([], null, default);
        }

        found.Sort((a, b) => (a.Made, a.Id).CompareTo((b.Made, b.Id)));
        var now = _time.GetUtcNow();
        // The newest that has been published long enough; where none has, the oldest: a new gate has nothing older to sign with.
        var signing = found.LastOrDefault(key => now >= key.Made + PublishAhead) ?? found[0];
        return new Keys(found, new SigningCredentials(new ECDsaSecurityKey(signing.Ecdsa) { KeyId = signing.Id }, SecurityAlgorithms.EcdsaSha256), Write(found));
    }

    private static byte[] Write(List<Key> keys)
    {
        var set = keys.Select(key =>
        {
            var point = key.Ecdsa.ExportParameters(includePrivateParameters: false).Q;
            return new PublicKey("EC", "P-256", Base64UrlEncoder.Encode(point.X), Base64UrlEncoder.Encode(point.Y), key.Id, "sig", "ES256");
        });
        return JsonSerializer.SerializeToUtf8Bytes(new PublicKeySet([.. set]), PublicKeySetContext.Default.PublicKeySet);
    }

    // RFC 7638 thumbprint, cut: an id that two gates derive alike from the key itself.
    private static string Id(ECDsa key)
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        var members = $"{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{Base64UrlEncoder.Encode(point.X)}\",\"y\":\"{Base64UrlEncoder.Encode(point.Y)}\"}}";
        return Base64UrlEncoder.Encode(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(members)))[..22];
    }

    private sealed record Key(string File, string Id, DateTimeOffset Made, ECDsa Ecdsa);

    private sealed record Keys(IReadOnlyList<Key> All, SigningCredentials? Signing, ReadOnlyMemory<byte> PublicSet);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Tokens + 0, LogLevel.Information, "Signing key {KeyId} made; it is published now and signs later")]
        public static partial void Made(ILogger logger, string keyId);

        [LoggerMessage(EventIds.Tokens + 1, LogLevel.Information, "Signing key {KeyId} deleted: all its tokens have ended")]
        public static partial void Deleted(ILogger logger, string keyId);

        [LoggerMessage(EventIds.Tokens + 2, LogLevel.Error, "Signing keys in {Folder} can't be read: {Reason}. The keys in memory stay in use")]
        public static partial void NotRead(ILogger logger, string folder, string reason);
    }
}

/// <summary>One public key as a JWK (RFC 7517, RFC 7518 §6.2).</summary>
internal sealed record PublicKey(
    [property: System.Text.Json.Serialization.JsonPropertyName("kty")] string Kty,
    [property: System.Text.Json.Serialization.JsonPropertyName("crv")] string Crv,
    [property: System.Text.Json.Serialization.JsonPropertyName("x")] string X,
    [property: System.Text.Json.Serialization.JsonPropertyName("y")] string Y,
    [property: System.Text.Json.Serialization.JsonPropertyName("kid")] string Kid,
    [property: System.Text.Json.Serialization.JsonPropertyName("use")] string Use,
    [property: System.Text.Json.Serialization.JsonPropertyName("alg")] string Alg);

/// <summary>A key set (RFC 7517 §5).</summary>
internal sealed record PublicKeySet([property: System.Text.Json.Serialization.JsonPropertyName("keys")] IReadOnlyList<PublicKey> Keys);

[System.Text.Json.Serialization.JsonSerializable(typeof(PublicKeySet))]
internal sealed partial class PublicKeySetContext : System.Text.Json.Serialization.JsonSerializerContext;
