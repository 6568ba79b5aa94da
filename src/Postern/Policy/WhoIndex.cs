using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Finds the rules that could concern a caller without asking each: a policy of a hundred thousand bindings has few for any one caller.</summary>
internal sealed class WhoIndex
{
    private readonly Dictionary<string, List<int>> _byName = new(StringComparer.Ordinal);
    private readonly List<int> _others = [];

    public WhoIndex(ImmutableArray<CompiledRule> rules)
    {
        for (var i = 0; i < rules.Length; i++)
        {
            foreach (var who in rules[i].Rule.Who)
            {
                var places = Key(who) is { } key ? (CollectionsMarshal.GetValueRefOrAddDefault(_byName, key, out _) ??= []) : _others;
                if (places.Count == 0 || places[^1] != i)
                {
                    places.Add(i);
                }
            }
        }
    }

    /// <summary>The places, in order and each once, of rules that may concern the caller; each still has to be asked.</summary>
    public IEnumerable<int> Candidates(Caller caller)
    {
        var kind = caller.Kind switch { CallerKind.Human => WhoKind.User, CallerKind.Service => WhoKind.Account, _ => WhoKind.Agent };
        var places = new List<int>(_others);
        AddNamed(Key(kind, caller.Issuer, caller.Subject));
        foreach (var group in caller.Groups)
        {
            AddNamed(Key(WhoKind.Group, caller.Issuer, group));
        }

        places.Sort();
        return places.Distinct();

        void AddNamed(string key)
        {
            if (_byName.TryGetValue(key, out var named))
            {
                places.AddRange(named);
            }
        }
    }

    private static string? Key(Who who) =>
        who is { Kind: WhoKind.User or WhoKind.Account or WhoKind.Agent or WhoKind.Group, Issuer: { } issuer, Name.IsExact: true } ? Key(who.Kind, issuer, who.Name.Text) : null;

    private static string Key(WhoKind kind, string issuer, string name) => $"{(int)kind}{issuer}/{name}";
}
