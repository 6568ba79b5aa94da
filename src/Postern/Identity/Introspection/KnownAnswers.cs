using System.Collections.Concurrent;
using System.Text.Json;

namespace Postern.Identity.Introspection;

/// <summary>The last verdict on a token.</summary>
/// <param name="Claims">What it means; null where it isn't active.</param>
/// <param name="At">When the endpoint said so.</param>
/// <param name="Lease">What is open on the strength of the token rests on it.</param>
internal sealed record KnownAnswer(JsonElement? Claims, DateTimeOffset At, Lease Lease);

/// <summary>The last verdicts of one endpoint, by the hash of the token, and bounded: made-up tokens must not fill the memory.</summary>
internal sealed class KnownAnswers
{
    private const int Most = 20_000;
    private readonly ConcurrentDictionary<TokenDigest, KnownAnswer> _all = new();

    public int Count => _all.Count;

    public KnownAnswer? Find(TokenDigest digest) => _all.GetValueOrDefault(digest);

    /// <summary>Keeps a verdict. One that a token isn't active any more, or that it means somebody else, ends what it opened.</summary>
    public KnownAnswer Keep(TokenDigest digest, JsonElement? claims, DateTimeOffset now, TimeSpan longest, Func<JsonElement, JsonElement, bool> isSameCaller)
    {
        var before = Find(digest);
        var isSame = claims is { } said && before?.Claims is { } last && isSameCaller(last, said);
        if (!isSame)
        {
            before?.Lease.End(claims is null ? LeaseEnd.Revoked : LeaseEnd.Changed);
        }

        if (before is null && _all.Count >= Most)
        {
            Drop(now - longest);
        }

        var known = new KnownAnswer(claims, now, isSame ? before!.Lease : Lease.Lasting());
        _all[digest] = known;
        return known;
    }

    private void Drop(DateTimeOffset before)
    {
        foreach (var (digest, known) in _all)
        {
            if (known.Claims is null || known.At < before)
            {
                _all.TryRemove(digest, out _);
            }
        }

        if (_all.Count >= Most)
        {
            _all.Clear();
        }
    }
}
