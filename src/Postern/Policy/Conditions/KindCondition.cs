using System.Collections.Immutable;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy.Conditions;

/// <summary><c>kind: [human, agent]</c>: what the caller is.</summary>
internal sealed class KindCondition(ImmutableArray<CallerKind> kinds) : CallerCondition
{
    private static readonly string[] Words = ["human", "service", "agent"];

    public override string Text { get; } = $"kind: {string.Join(", ", kinds.Select(k => Words[(int)k]))}";

    public override bool Matches(Caller caller) => kinds.Contains(caller.Kind);

    public static WhenCondition? Read(NodeReader nodes, ConfigNode node, string path)
    {
        var kinds = ImmutableArray.CreateBuilder<CallerKind>();
        foreach (var (text, at, line) in nodes.Texts(node, path))
        {
            var kind = Array.IndexOf(Words, text);
            if (kind < 0)
            {
                nodes.Error(at, line, $"'{text}' is no kind of caller; {NearestName.Advice(text, Words)}");
            }
            else
            {
                kinds.Add((CallerKind)kind);
            }
        }

        return kinds.Count == 0 ? null : new KindCondition([.. kinds.Distinct().Order()]);
    }
}
