using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using Postern.Telemetry;

namespace Postern.Tokens;

/// <summary>
/// Keys for what the gate hands out and must know again: task seals, page tokens. Derived (RFC 5869) from the key files of a folder that all gates of a cluster
/// share, one secret per purpose. The newest key seals, every key opens; a key id that isn't known makes the folder be read again, so that a gate knows what
/// another sealed with a key that came a moment ago. No key ends by itself: a task may be answered after weeks. Whoever deletes a file makes its seals void.
/// </summary>
internal sealed partial class SealKeys
{
    private static readonly TimeSpan ReadAgainAfter = TimeSpan.FromSeconds(1);

    private readonly string _folder;
    private readonly SigningKeyFolder _files;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _reading = new();
    private SigningKey[] _keys = [];
    private long _read;

    /// <summary>Reads the keys, and makes the first where there are none. Throws where neither can be done.</summary>
    public SealKeys(string folder, TimeProvider time, ILogger logger)
    {
        _folder = folder;
        _time = time;
        _logger = logger;
        _files = new SigningKeyFolder(folder, time, logger);
        if (_files.Read().Count == 0)
        {
            _files.Create();
        }

        Read();
        if (_keys.Length == 0)
        {
            throw new IOException($"There is no key in {folder} that can be used.");
        }
    }

    /// <summary>Seals for one purpose; what was sealed for another doesn't open here.</summary>
    public Sealer For(string purpose) => new(this, purpose);

    /// <summary>The keys, oldest first.</summary>
    internal SigningKey[] Keys => Volatile.Read(ref _keys);

    /// <summary>Reads the folder again, at most once a second: a forged key id must not make a gate read all day.</summary>
    internal SigningKey[] ReadAgain()
    {
        lock (_reading)
        {
            if (_time.GetElapsedTime(_read) >= ReadAgainAfter)
            {
                Read();
            }
        }

        return Keys;
    }

    private void Read()
    {
        _read = _time.GetTimestamp();
        try
        {
            var found = _files.Read();
            // A folder that is empty or away for a while must not void what was handed out.
            if (found.Count > 0)
            {
                Volatile.Write(ref _keys, [.. found]);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.NotRead(_logger, _folder, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Tokens + 6, LogLevel.Error, "Keys for seals in {Folder} can't be read: {Reason}. The keys in memory stay in use")]
        public static partial void NotRead(ILogger logger, string folder, string reason);
    }
}

/// <summary>Seals and opens for one purpose. A tag is the key's id and a truncated HMAC-SHA-256 (RFC 2104): 4 + 16 bytes.</summary>
internal sealed class Sealer(SealKeys keys, string purpose)
{
    /// <summary>Bytes of a tag.</summary>
    public const int TagLength = IdLength + MacLength;

    private const int IdLength = 4;
    private const int MacLength = 16;
    private const int NonceLength = 12;
    private const int ClosedLength = IdLength + NonceLength + MacLength;

    private Derived _derived = new([], []);

    /// <summary>Writes the tag of some bytes.</summary>
    public void Write(ReadOnlySpan<byte> data, Span<byte> tag)
    {
        var key = Current(keys.Keys).Keys[^1];
        BinaryPrimitives.WriteUInt32BigEndian(tag, key.Id);
        Mac(key, data, tag.Slice(IdLength, MacLength));
    }

    /// <summary>Whether these bytes carry a tag of ours. Takes the same time wherever a forged tag differs.</summary>
    public bool IsValid(ReadOnlySpan<byte> data, ReadOnlySpan<byte> tag)
    {
        if (Find(BinaryPrimitives.ReadUInt32BigEndian(tag)) is not { } key)
        {
            return false;
        }

        Span<byte> mac = stackalloc byte[MacLength];
        Mac(key, data, mac);
        return CryptographicOperations.FixedTimeEquals(mac, tag.Slice(IdLength, MacLength));
    }

    /// <summary>Encrypts and seals some bytes, bound to others that must be the same when it is opened: AES-256-GCM with a random nonce.</summary>
    public byte[] Close(ReadOnlySpan<byte> data, ReadOnlySpan<byte> bound)
    {
        var key = Current(keys.Keys).Keys[^1];
        var whole = new byte[ClosedLength + data.Length];
        BinaryPrimitives.WriteUInt32BigEndian(whole, key.Id);
        var nonce = whole.AsSpan(IdLength, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key.Secret, MacLength);
        aes.Encrypt(nonce, data, whole.AsSpan(IdLength + NonceLength, data.Length), whole.AsSpan(whole.Length - MacLength), bound);
        return whole;
    }

    /// <summary>Opens what <see cref="Close"/> made; false where it isn't ours or is bound to something else.</summary>
    public bool TryOpen(ReadOnlySpan<byte> closed, ReadOnlySpan<byte> bound, out byte[] data)
    {
        data = [];
        if (closed.Length < ClosedLength || Find(BinaryPrimitives.ReadUInt32BigEndian(closed)) is not { } key)
        {
            return false;
        }

        var plain = new byte[closed.Length - ClosedLength];
        using var aes = new AesGcm(key.Secret, MacLength);
        try
        {
            aes.Decrypt(closed.Slice(IdLength, NonceLength), closed[(IdLength + NonceLength)..^MacLength], closed[^MacLength..], plain, bound);
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }

        data = plain;
        return true;
    }

    private SealKey? Find(uint id) => Array.Find(Current(keys.Keys).Keys, k => k.Id == id) ?? Array.Find(Current(keys.ReadAgain()).Keys, k => k.Id == id);

    private static void Mac(SealKey key, ReadOnlySpan<byte> data, Span<byte> to)
    {
        Span<byte> whole = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key.Secret, data, whole);
        whole[..to.Length].CopyTo(to);
    }

    private Derived Current(SigningKey[] from)
    {
        var derived = Volatile.Read(ref _derived);
        if (!ReferenceEquals(derived.From, from))
        {
            derived = new Derived(from, [.. from.Select(Derive)]);
            Volatile.Write(ref _derived, derived);
        }

        return derived;
    }

    private SealKey Derive(SigningKey key)
    {
        var secret = ((ECDsaSecurityKey)key.Credentials.Key).ECDsa.ExportParameters(includePrivateParameters: true).D!;
        var id = BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.ASCII.GetBytes(key.Id)));
        return new SealKey(id, HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: Encoding.ASCII.GetBytes("postern seal " + purpose)));
    }

    private sealed record Derived(SigningKey[] From, SealKey[] Keys);

    private sealed class SealKey(uint id, byte[] secret)
    {
        public uint Id => id;

        public byte[] Secret => secret;
    }
}
