using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Identity;

/// <summary>
/// Tokens verified lately, under the SHA-256 of their text. In front of it stands a small table by reference: Kestrel hands the same string object out for a
/// header that a connection repeats, so that most calls cost no hash. Bounded by generations: when one is full the one before it is dropped.
/// </summary>
internal sealed class VerifiedTokens(int capacity)
{
    private const int Recent = 512;

    private readonly Entry?[] _recent = new Entry?[Recent];
    private ConcurrentDictionary<Digest, VerifiedToken> _young = new();
    private ConcurrentDictionary<Digest, VerifiedToken> _old = new();

    public int Count => _young.Count + _old.Count;

    public VerifiedToken? Find(string text, DateTimeOffset now)
    {
        ref var slot = ref _recent[RuntimeHelpers.GetHashCode(text) & (Recent - 1)];
        var entry = Volatile.Read(ref slot);
        if (entry is not null && ReferenceEquals(entry.Text, text))
        {
            if (entry.Token.Stands(now))
            {
                return entry.Token;
            }

            Volatile.Write(ref slot, null);
        }

        var digest = Digest.Of(text);
        if (!_young.TryGetValue(digest, out var token))
        {
            if (!_old.TryGetValue(digest, out token))
            {
                return null;
            }

            Keep(digest, token);
        }

        if (!token.Stands(now))
        {
            _young.TryRemove(digest, out _);
            _old.TryRemove(digest, out _);
            return null;
        }

        Volatile.Write(ref slot, new Entry(text, token));
        return token;
    }

    public void Add(string text, VerifiedToken token) => Keep(Digest.Of(text), token);

    private void Keep(Digest digest, VerifiedToken token)
    {
        var young = _young;
        if (young.Count >= capacity / 2)
        {
            var fresh = new ConcurrentDictionary<Digest, VerifiedToken>();
            if (Interlocked.CompareExchange(ref _young, fresh, young) == young)
            {
                Volatile.Write(ref _old, young);
            }

            young = _young;
        }

        young[digest] = token;
    }

    private sealed record Entry(string Text, VerifiedToken Token);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Digest(ulong A, ulong B, ulong C, ulong D)
    {
        public static Digest Of(string text)
        {
            var rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
            try
            {
                var length = Encoding.UTF8.GetBytes(text, rented);
                Digest digest = default;
                SHA256.HashData(rented.AsSpan(0, length), MemoryMarshal.AsBytes(new Span<Digest>(ref digest)));
                CryptographicOperations.ZeroMemory(rented.AsSpan(0, length));
                return digest;
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }

        public override int GetHashCode() => (int)A;
    }
}
