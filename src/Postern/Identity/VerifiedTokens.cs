using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Postern.Identity;

/// <summary>
/// Tokens verified lately, under the SHA-256 of their text. In front of it stands a small table by reference: Kestrel hands the same string object out for a
/// header that a connection repeats, so that most calls cost no hash. Bounded by generations: when one is full the one before it is dropped.
/// </summary>
internal sealed class VerifiedTokens(int capacity)
{
    private const int Recent = 512;

    private readonly Seen[] _recent = new Seen[Recent];
    private Generations _kept = new(new(), new());

    /// <summary>Tokens remembered.</summary>
    public int Count => _kept.Young.Count + _kept.Old.Count;

    /// <summary>The token of this text if it was verified and still stands. Allocates nothing.</summary>
    public VerifiedToken? Find(string text, DateTimeOffset now)
    {
        var kept = Volatile.Read(ref _kept);
        ref var slot = ref _recent[RuntimeHelpers.GetHashCode(text) & (Recent - 1)];
        if (slot.TokenOf(text) is { } recent && ReferenceEquals(recent.KeptIn, kept.Young) && recent.Stands(now))
        {
            return recent;
        }

        if (!TokenDigest.TryOf(text, out var digest))
        {
            return null;
        }

        if (!kept.Young.TryGetValue(digest, out var token))
        {
            if (!kept.Old.TryGetValue(digest, out token))
            {
                return null;
            }

            // Used again, so it outlives the older generation.
            Keep(digest, token);
        }

        if (!token.Stands(now))
        {
            Forget(digest);
            return null;
        }

        slot.Note(text, token);
        return token;
    }

    public void Add(string text, VerifiedToken token)
    {
        if (TokenDigest.TryOf(text, out var digest))
        {
            Keep(digest, token);
        }
    }

    /// <summary>Drops what no longer stands, so that neither it nor its text lives on unused.</summary>
    public void Sweep(DateTimeOffset now)
    {
        for (var i = 0; i < _recent.Length; i++)
        {
            _recent[i].ForgetEnded(now);
        }

        var kept = Volatile.Read(ref _kept);
        foreach (var (digest, token) in kept.Young.Concat(kept.Old))
        {
            if (!token.Stands(now))
            {
                Forget(digest);
            }
        }
    }

    private void Forget(TokenDigest digest)
    {
        var kept = Volatile.Read(ref _kept);
        kept.Young.TryRemove(digest, out _);
        kept.Old.TryRemove(digest, out _);
    }

    private void Keep(TokenDigest digest, VerifiedToken token)
    {
        var kept = Volatile.Read(ref _kept);
        if (kept.Young.Count >= capacity / 2)
        {
            var next = new Generations(new(), kept.Young);
            kept = Interlocked.CompareExchange(ref _kept, next, kept) == kept ? next : Volatile.Read(ref _kept);
        }

        token.KeptIn = kept.Young;
        kept.Young[digest] = token;
    }

    /// <summary>
    /// A string object and the token that its hash proved. Written under a version that is odd meanwhile, so that a pair is read whole or not at all: half of
    /// one would be somebody else's identity.
    /// </summary>
    private struct Seen
    {
        private int _version;
        private string? _text;
        private VerifiedToken? _token;

        public VerifiedToken? TokenOf(string text)
        {
            var version = Volatile.Read(ref _version);
            var seen = Volatile.Read(ref _text);
            var token = Volatile.Read(ref _token);
            return (version & 1) == 0 && ReferenceEquals(seen, text) && Volatile.Read(ref _version) == version ? token : null;
        }

        public void Note(string text, VerifiedToken token)
        {
            if (TryBegin())
            {
                End(text, token);
            }
        }

        public void ForgetEnded(DateTimeOffset now)
        {
            if (Volatile.Read(ref _token) is { } token && !token.Stands(now) && TryBegin())
            {
                End(null, null);
            }
        }

        // Where another writes, nothing is noted: the next call costs a hash.
        private bool TryBegin()
        {
            var version = Volatile.Read(ref _version);
            return (version & 1) == 0 && Interlocked.CompareExchange(ref _version, version + 1, version) == version;
        }

        private void End(string? text, VerifiedToken? token)
        {
            Volatile.Write(ref _text, text);
            Volatile.Write(ref _token, token);
            Volatile.Write(ref _version, _version + 1);
        }
    }

    private sealed record Generations(ConcurrentDictionary<TokenDigest, VerifiedToken> Young, ConcurrentDictionary<TokenDigest, VerifiedToken> Old);
}
