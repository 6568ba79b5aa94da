using System.Text;
using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>
/// Every place of a request where a name that the server keeps for itself could stand, however deep, found by walking: an activity sent to a queue of the server's
/// own workers would run with their rights, whatever command, batch or option names it. Looked at as bytes, so that an ordinary call pays a comparison.
/// </summary>
internal sealed class ReservedPaths
{
    // Queries leave the server's own workflows out unless they ask for them by this search attribute.
    private const string Division = "TemporalNamespaceDivision";

    private readonly (TemporalRole Role, ListPath List, int Slot)[] _places;

    public ReservedPaths(LensNode root, IEnumerable<TemporalPath> found) =>
        _places = [.. found.Select(p => (p.Role, Place: ListPath.Split(root, p.Path))).Select(p => (p.Role, p.Place.List, p.Place.Slot))];

    /// <summary>The paths that are looked at. The server's own workflows may be seen: they tell no more than what they run for does.</summary>
    public static IReadOnlyList<TemporalPath> Of(IReadOnlyList<TemporalPath> found, TemporalAccess access) =>
    [
        .. found.Where(p => !p.Path.EndsWith("[]", StringComparison.Ordinal)
            && (p.Role is TemporalRole.TaskQueue || (p.Role is TemporalRole.WorkflowId or TemporalRole.VisibilityQuery && access != TemporalAccess.Read))),
    ];

    /// <summary>Whether the message uses such a name. A worker's own mailbox is none here; where it may stand its method knows.</summary>
    public bool IsUsed(in MessageLens lens, string? ns)
    {
        foreach (ref readonly var place in _places.AsSpan())
        {
            if (IsUsed(in lens, 0, place.List.Lists, place.Slot, place.Role, ns))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsUsed(in MessageLens lens, int frame, ReadOnlySpan<int> lists, int slot, TemporalRole role, string? ns)
    {
        if (lists.IsEmpty)
        {
            return IsReserved(lens.Bytes(frame, slot), role, ns);
        }

        for (var element = lens.FirstOf(frame, lists[0]); element != 0; element = lens.NextOf(element))
        {
            if (IsUsed(in lens, element, lists[1..], slot, role, ns))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsReserved(ReadOnlySpan<byte> name, TemporalRole role, string? ns) => !name.IsEmpty && role switch
    {
        TemporalRole.TaskQueue => TemporalReserved.IsQueue(name) && !TemporalReserved.IsOwnMailbox(Encoding.UTF8.GetString(name), ns),
        TemporalRole.WorkflowId => TemporalReserved.IsWorkflow(name),
        _ => Encoding.UTF8.GetString(name).Contains(Division, StringComparison.OrdinalIgnoreCase),
    };
}
