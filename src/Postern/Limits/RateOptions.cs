using Postern.Configuration;
using Postern.Model;

namespace Postern.Limits;

/// <summary>One limit of how much each caller may do. Every entry that speaks of a call must let it through; each counts each caller by itself, on this gate.</summary>
internal sealed record RateOptions
{
    /// <summary>Engines that it speaks of, by name. Default: every one.</summary>
    public IReadOnlyList<string> Engines { get; init; } = [];

    /// <summary>Kinds of callers: <c>human</c>, <c>service</c>, <c>agent</c>. Default: every kind.</summary>
    public IReadOnlyList<CallerKind> Kinds { get; init; } = [];

    /// <summary>
    /// Kinds of calls: <c>read</c>, <c>write</c>, <c>poll</c> (a worker asks for work), <c>progress</c> (it reports), <c>socket</c>. Default: <c>read</c> and <c>write</c>, since refused polls
    /// and reports end workers.
    /// </summary>
    public IReadOnlyList<Traffic> Calls { get; init; } = [Traffic.Read, Traffic.Write];

    /// <summary>Calls a second that a caller may make for long. 1 to 100000. Default: any number.</summary>
    [Between("1", "100000")]
    public int? PerSecond { get; init; }

    /// <summary>
    /// Calls that a caller may make at once after a time of rest. Default: five seconds' worth. A page of Prefect's UI makes about 45, and again four times where they are refused; a dozen of Temporal's.
    /// 1 to 1000000.
    /// </summary>
    [Between("1", "1000000")]
    public int? Burst { get; init; }

    /// <summary>Calls that a caller may have open at the same time. 1 to 1000000. Default: any number.</summary>
    [Between("1", "1000000")]
    public int? Open { get; init; }
}

/// <summary>Checks one entry by itself.</summary>
internal static class RateValidator
{
    public static void Validate(RateOptions options, IReadOnlyCollection<string> engines, string path, Problems problems)
    {
        for (var i = 0; i < options.Engines.Count; i++)
        {
            if (!engines.Contains(options.Engines[i]))
            {
                var near = NearestName.Of(options.Engines[i], engines);
                problems.Error($"{path}.engines[{i}]", $"no engine is named {problems.Written($"{path}.engines[{i}]")}{(near is null ? "" : $"; did you mean '{near}'?")}");
            }
        }

        if (options.PerSecond is null && options.Open is null)
        {
            problems.Error(path, "limits nothing; write perSecond: 20, or open: 10");
        }

        if (options.Burst is not null && options.PerSecond is null)
        {
            problems.Error($"{path}.burst", "is what may be made at once of a rate, and there is none; write perSecond: 20");
        }

        if (options.Calls.Count == 0)
        {
            problems.Error($"{path}.calls", "names no kind of call, so that it would never count; write some of read, write, poll, progress, socket, or leave the key out");
        }
    }
}
