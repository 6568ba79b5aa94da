using System.Collections.Immutable;
using System.Net;
using Postern.Model;

namespace Postern.Policy;

/// <summary>A whole policy, merged from its files, names resolved, nothing compiled yet.</summary>
internal sealed record PolicyDocument
{
    /// <summary>The first half of the SHA-256 of the sources' names and texts is enough to tell two versions apart in an audit record.</summary>
    public string Version { get; init; } = "none";

    /// <summary>The policy's own roles; the built-in ones are in every policy.</summary>
    public ImmutableArray<PolicyRole> Roles { get; init; } = [];

    public ImmutableArray<PolicyRule> Bindings { get; init; } = [];

    public ImmutableArray<PolicyRule> Denies { get; init; } = [];

    public ImmutableArray<PolicyTest> Tests { get; init; } = [];
}

/// <summary>A role of the policy's own, with where it is written.</summary>
internal sealed record PolicyRole(Role Role, string? File, string Path, int Line)
{
    /// <summary>Permissions that <c>with</c> and <c>without</c> name without a <c>*</c>, so that those which no operation consults can be reported.</summary>
    public ImmutableArray<(Permission Permission, string Path, int Line)> Named { get; init; } = [];
}

/// <summary>One entry of <c>tests:</c>.</summary>
internal sealed record PolicyTest
{
    /// <summary>As problems name it: <c>tests[3]</c>.</summary>
    public required string Id { get; init; }

    public required Caller Caller { get; init; }

    /// <summary>As the catalogue names it: <c>temporal/StartWorkflowExecution</c>.</summary>
    public required string Call { get; init; }

    /// <summary>The names that the call carries. Only names are used; permission and the rest come from the catalogue.</summary>
    public required Demand With { get; init; }

    public required DecisionKind Expect { get; init; }

    /// <summary>Source address; null: not given, and then a rule that depends on it can't be told.</summary>
    public IPAddress? From { get; init; }

    /// <summary>Time; default: not given, likewise.</summary>
    public DateTimeOffset At { get; init; }

    public string? File { get; init; }

    public required string Path { get; init; }

    public int Line { get; init; }
}
