using System.Collections.Immutable;

namespace Postern.Model;

/// <summary>Workflow types that a call which spans workflows is narrowed to: these names, or every other one.</summary>
/// <param name="Excluded">True where the names are those that are left out.</param>
/// <param name="Names">Exact names, in ordinal order, at least one.</param>
internal sealed record WorkflowTypes(bool Excluded, ImmutableArray<string> Names)
{
    public override string ToString() => (Excluded ? "all but " : "") + string.Join(", ", Names);
}
