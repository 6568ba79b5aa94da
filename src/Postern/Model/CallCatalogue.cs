using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Postern.Model;

/// <summary>One demand that a call makes, before names are filled in.</summary>
/// <param name="Permission">What is asked for.</param>
/// <param name="Carried">Dimensions whose names the message carries.</param>
internal sealed record CatalogueDemand(Permission Permission, Dimensions Carried)
{
    /// <summary>True where only a binding with <c>scope: cluster</c> grants it.</summary>
    public bool ClusterScope { get; init; }

    /// <summary>As <see cref="Demand.Unknown"/>: the permission has them, the message lacks them, a lookup would tell.</summary>
    public Dimensions Unknown { get; init; }

    /// <summary>As <see cref="Demand.Waived"/>.</summary>
    public Dimensions Waived { get; init; }

    /// <summary>As <see cref="Demand.UnlessDenied"/>: it needs no binding.</summary>
    public bool UnlessDenied { get; init; }

    /// <summary>Demanded only where a field of the message says so (a start that may terminate the running workflow). Default: by every call.</summary>
    public bool Sometimes { get; init; }

    /// <summary>The demand with the given names. A name for an unknown dimension counts as looked up; a name the call doesn't have is left out.</summary>
    public Demand Fill(in Demand names)
    {
        var filled = new Demand { Permission = Permission, ClusterScope = ClusterScope, Waived = Waived, UnlessDenied = UnlessDenied };
        var unknown = Unknown;
        foreach (var dimension in (Carried | Unknown).Each())
        {
            if (names.NameIn(dimension) is { } name)
            {
                filled = filled.WithName(dimension, name);
                unknown &= ~dimension;
            }
        }

        return filled with { Unknown = unknown };
    }
}

/// <summary>One call of an engine: <c>temporal/StartWorkflowExecution</c>, with its base demand first.</summary>
internal sealed record CatalogueCall(string Name, ImmutableArray<CatalogueDemand> Demands)
{
    /// <summary>True where the call acts on what a query or a filter finds, so that it can be narrowed to some workflow types, or to what the caller reaches on a Prefect server.</summary>
    public bool IsNarrowable { get; init; }
}

/// <summary>What every call of every engine demands, as far as policy has to know it: tests in the policy, <c>explain</c>, the matrix and the checks read it.</summary>
internal sealed class CallCatalogue
{
    private readonly FrozenDictionary<string, CatalogueCall> _byName;
    private readonly Dimensions[] _consulted = new Dimensions[128];
    private readonly UInt128 _permissions;

    public CallCatalogue(IEnumerable<CatalogueCall> calls)
    {
        Calls = [.. calls];
        _byName = Calls.ToFrozenDictionary(c => c.Name, StringComparer.Ordinal);
        foreach (var demand in Calls.SelectMany(c => c.Demands))
        {
            _permissions |= demand.Permission.Bit();
            var consulted = demand.Carried | demand.Unknown | demand.Waived;
            _consulted[(int)demand.Permission] |= consulted;
            Engines |= ((consulted & PermissionDimensions.OfTemporal) == Dimensions.None ? Dimensions.None : PermissionDimensions.OfTemporal)
                | ((consulted & PermissionDimensions.OfPrefect) == Dimensions.None ? Dimensions.None : PermissionDimensions.OfPrefect);
        }
    }

    /// <summary>Every call, in the engine's own order.</summary>
    public ImmutableArray<CatalogueCall> Calls { get; }

    /// <summary>All dimensions of the engines whose calls these are. Of another engine nothing can be said from here.</summary>
    public Dimensions Engines { get; }

    public CatalogueCall? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Whether any call ever asks for the permission.</summary>
    public bool Consults(Permission permission) => (_permissions & permission.Bit()) != 0;

    /// <summary>Whether no call asks for the permission although all engines that could have one are here.</summary>
    public bool NeverConsults(Permission permission) => !Consults(permission) && (PermissionDimensions.Of(permission) & PermissionDimensions.Places & ~Engines) == Dimensions.None;

    /// <summary>The dimensions that calls ever bring to the permission.</summary>
    public Dimensions Consulted(Permission permission) => _consulted[(int)permission];
}
