using Postern.Configuration;

namespace Postern.Policy.Conditions;

/// <summary>Every key that a <c>when</c> can have. A new condition is a file beside this one and a line here.</summary>
internal static class ConditionKinds
{
    public static IReadOnlyDictionary<string, Func<NodeReader, ConfigNode, string, WhenCondition?>> ByKey { get; } =
        new Dictionary<string, Func<NodeReader, ConfigNode, string, WhenCondition?>>(StringComparer.Ordinal)
        {
            ["hours"] = HoursCondition.Read,
            ["from"] = SourceCondition.Read,
            ["kind"] = KindCondition.Read,
            ["claims"] = ClaimsCondition.Read,
        };
}
