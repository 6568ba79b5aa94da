using System.Collections.Immutable;
using System.Threading.RateLimiting;
using Postern.Model;

namespace Postern.Limits;

/// <summary>What a call was let through by; given back when it ends.</summary>
internal readonly struct RatePass(ImmutableArray<RateLimitLease> leases) : IDisposable
{
    public void Dispose()
    {
        if (leases.IsDefault)
        {
            return;
        }

        foreach (var lease in leases)
        {
            lease.Dispose();
        }
    }
}

/// <summary>Why a call wasn't let through.</summary>
/// <param name="Rule">The entry, as the configuration has it: <c>limits.rates[0]</c>.</param>
/// <param name="RetryAfter">When it may be tried again.</param>
/// <param name="IsOfOpen">True where too many are open, false where too many came.</param>
internal sealed record RateExceeded(string Rule, TimeSpan RetryAfter, bool IsOfOpen);

/// <summary>
/// How much each caller may do: the platform's rate limiters, one set per gate. Nothing is limited by default, and then nothing is asked.
/// </summary>
internal sealed class CallRates : IDisposable
{
    // Who waits longer than this is better told to come back.
    private const int MostWaiting = 1_000;

    private readonly ImmutableArray<Entry> _entries;

    public CallRates(IReadOnlyList<RateOptions> options)
    {
        Options = options;
        _entries = [.. options.SelectMany((entry, i) => Entry.Of(entry, $"limits.rates[{i}]"))];
    }

    public IReadOnlyList<RateOptions> Options { get; }

    /// <summary>Whether nothing is limited.</summary>
    public bool IsEmpty => _entries.IsEmpty;

    /// <summary>Lets a call through, or says why not. Takes nothing where any entry refuses.</summary>
    public RateExceeded? TryEnter(string engine, Caller caller, Traffic traffic, out RatePass pass)
    {
        var leases = ImmutableArray.CreateBuilder<RateLimitLease>();
        foreach (var entry in _entries)
        {
            if (!entry.Concerns(engine, caller, traffic))
            {
                continue;
            }

            var lease = entry.Limiter.AttemptAcquire(caller.Name);
            if (!lease.IsAcquired)
            {
                Drop(leases);
                pass = default;
                return entry.Exceeded(lease);
            }

            leases.Add(lease);
        }

        pass = new RatePass(leases.DrainToImmutable());
        return null;
    }

    /// <summary>As <see cref="TryEnter"/>, but waits as long as <paramref name="patience"/> allows: for callers that a refusal ends.</summary>
    public async ValueTask<(RateExceeded? Exceeded, RatePass Pass)> EnterAsync(string engine, Caller caller, Traffic traffic, CancellationToken patience)
    {
        var leases = ImmutableArray.CreateBuilder<RateLimitLease>();
        foreach (var entry in _entries)
        {
            if (!entry.Concerns(engine, caller, traffic))
            {
                continue;
            }

            RateLimitLease lease;
            try
            {
                lease = await entry.Limiter.AcquireAsync(caller.Name, 1, patience);
            }
            catch (OperationCanceledException)
            {
                Drop(leases);
                return (new RateExceeded(entry.Rule, TimeSpan.FromSeconds(1), entry.IsOfOpen), default);
            }

            if (!lease.IsAcquired)
            {
                Drop(leases);
                return (entry.Exceeded(lease), default);
            }

            leases.Add(lease);
        }

        return (null, new RatePass(leases.DrainToImmutable()));
    }

    public void Dispose()
    {
        foreach (var entry in _entries)
        {
            entry.Limiter.Dispose();
        }
    }

    // A token that was taken for a call that isn't made comes back by itself; a place among the open ones doesn't.
    private static void Drop(ImmutableArray<RateLimitLease>.Builder leases)
    {
        foreach (var lease in leases)
        {
            lease.Dispose();
        }
    }

    private sealed record Entry(RateOptions Options, string Rule, bool IsOfOpen, PartitionedRateLimiter<string> Limiter)
    {
        public static IEnumerable<Entry> Of(RateOptions options, string rule)
        {
            // Places before tokens: what finds no place hasn't used up its rate.
            if (options.Open is { } open)
            {
                var places = new ConcurrencyLimiterOptions { PermitLimit = open, QueueLimit = MostWaiting, QueueProcessingOrder = QueueProcessingOrder.OldestFirst };
                yield return new Entry(options, rule, true, PartitionedRateLimiter.Create<string, string>(caller => RateLimitPartition.GetConcurrencyLimiter(caller, _ => places)));
            }

            if (options.PerSecond is { } rate)
            {
                // Whole tokens at the finest step that gives at least one.
                var (tokens, period) = rate >= 10 ? (rate / 10, TimeSpan.FromMilliseconds(100)) : (1, TimeSpan.FromSeconds(1d / rate));
                var bucket = new TokenBucketRateLimiterOptions
                {
                    TokenLimit = options.Burst ?? rate * 5, TokensPerPeriod = tokens, ReplenishmentPeriod = period, QueueLimit = MostWaiting, QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
                };
                yield return new Entry(options, rule, false, PartitionedRateLimiter.Create<string, string>(caller => RateLimitPartition.GetTokenBucketLimiter(caller, _ => bucket)));
            }
        }

        public bool Concerns(string engine, Caller caller, Traffic traffic) =>
            Contains(Options.Calls, traffic) && (Options.Kinds.Count == 0 || Contains(Options.Kinds, caller.Kind)) && (Options.Engines.Count == 0 || Options.Engines.Contains(engine));

        public RateExceeded Exceeded(RateLimitLease lease)
        {
            var after = lease.TryGetMetadata(MetadataName.RetryAfter, out var told) ? told : TimeSpan.FromSeconds(1);
            lease.Dispose();
            return new RateExceeded(Rule, after < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : after, IsOfOpen);
        }

        private static bool Contains<T>(IReadOnlyList<T> list, T value)
            where T : struct, Enum
        {
            for (var i = 0; i < list.Count; i++)
            {
                if (EqualityComparer<T>.Default.Equals(list[i], value))
                {
                    return true;
                }
            }

            return false;
        }
    }
}
