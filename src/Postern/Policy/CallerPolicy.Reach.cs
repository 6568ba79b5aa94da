using System.Collections.Concurrent;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Lists: not whether, but how far.</summary>
internal sealed partial class CallerPolicy
{
    // Callers of no Prefect server have none.
    private ConcurrentDictionary<(Permission Permission, string Server), ReachSource>? _reaches;

    /// <summary>
    /// How far the caller reaches with a permission on a Prefect server. What it admits by its names <see cref="Decide(in Demand, in Circumstances)"/> allows, and nothing else.
    /// Worked out once for a permission and a server, and again where the time or the source address tells otherwise.
    /// </summary>
    /// <param name="permission">What a list shows, or acts on.</param>
    /// <param name="server">The server, by its engine's name.</param>
    /// <param name="circumstances">Source and time of the call.</param>
    public Reach ReachOf(Permission permission, string server, in Circumstances circumstances)
    {
        var reaches = Volatile.Read(ref _reaches) ?? Interlocked.CompareExchange(ref _reaches, new(), null) ?? _reaches!;
        if (!reaches.TryGetValue((permission, server), out var source))
        {
            var demand = new Demand { Permission = permission, Prefect = new PrefectNames { Server = server } };
            source = narrowing is not null && narrowing.Forbids(demand, out _)
                ? new ReachSource([], [])
                : new ReachSource(allows.TermsAt(demand), denies.TermsAt(demand));
            source = reaches.GetOrAdd((permission, server), source);
        }

        return source.At(circumstances);
    }

    /// <summary>Decides a list that can't be told because the call names nothing of what it lists: it is allowed for what the caller reaches, and the gate narrows it to that.</summary>
    /// <param name="demands">As of <see cref="DecideAll(ReadOnlySpan{Demand}, in Circumstances, out int)"/>.</param>
    /// <param name="circumstances">Source and time of the call.</param>
    /// <param name="reach">What it is narrowed to; null where it isn't.</param>
    public Decision DecideByReach(ReadOnlySpan<Demand> demands, in Circumstances circumstances, out Reach? reach)
    {
        reach = null;
        var plain = DecideAll(demands, circumstances, out var decisive);
        if (plain.Kind != DecisionKind.CannotTell || demands[decisive] is not { Prefect.Server: { } server, Permission: var permission })
        {
            return plain;
        }

        for (var i = decisive + 1; i < demands.Length; i++)
        {
            if (!Judge(demands[i], circumstances).IsAllowed)
            {
                return plain;
            }
        }

        reach = ReachOf(permission, server, circumstances) is { Kind: ReachKind.Some } some ? some : null;
        return reach is null ? plain : new Decision(DecisionKind.Allow, plain.Rule, "");
    }
}
