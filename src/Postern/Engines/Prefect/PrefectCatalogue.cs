using System.Collections.Frozen;

namespace Postern.Engines.Prefect;

/// <summary>
/// Every operation that the gate knows, found by method and path. A path means an operation only in the exact form that the server serves: what it would answer with a redirect
/// (a slash too many or too few) is unknown here, since no stock client asks for it. Immutable.
/// </summary>
internal sealed class PrefectCatalogue
{
    private static readonly FrozenSet<string> s_ids = FrozenSet.Create(StringComparer.Ordinal, "id", "schedule_id", "lease_id");

    private readonly Node _root = new();

    public PrefectCatalogue()
    {
        foreach (var route in Routes.Where(r => !ReferenceEquals(r, PrefectRoutes.Page) && !ReferenceEquals(r, PrefectRoutes.Asset)))
        {
            Add(route);
        }
    }

    /// <summary>The one catalogue: the table is the same for every server.</summary>
    public static PrefectCatalogue Shared { get; } = new();

    /// <summary>Every row.</summary>
    public IReadOnlyList<PrefectRoute> Routes { get; } = PrefectRoutes.All;

    /// <summary>The operation that a call means; null where it is none that the gate knows, a wrong method and an id that can't be read included.</summary>
    public PrefectMatch? Find(string method, PrefectPath path)
    {
        var values = new string[4];
        if (Find(_root, path, 0, method, values, 0, out var count) is { } route)
        {
            return PrefectMatch.Of(route, path, values.AsSpan(0, count));
        }

        // Whatever lies outside the API is a file or a page of the user interface. Under another name of the API nothing is: a server told to serve it elsewhere would take it for the API.
        // Nor is it a page what is something else to a GET: the measurements, for example.
        if (method is not ("GET" or "HEAD") || (method == "HEAD" && Find(_root, path, 0, "GET", values, 0, out _) is not null) || Array.Exists(path.Segments, s => string.Equals(s, "api", StringComparison.OrdinalIgnoreCase)))
        {
            return null;
        }

        return PrefectMatch.Of(!path.EndsWithSlash && path.Segments[^1].Contains('.', StringComparison.Ordinal) ? PrefectRoutes.Asset : PrefectRoutes.Page, path, []);
    }

    private void Add(PrefectRoute route)
    {
        var node = _root;
        foreach (var segment in route.Parts)
        {
            if (!PrefectRoute.IsParameter(segment))
            {
                node = node.Literals.TryGetValue(segment, out var known) ? known : node.Literals[segment] = new Node();
            }
            else if (s_ids.Contains(segment[1..^1]))
            {
                node = node.Id ??= new Node();
            }
            else
            {
                node = node.Name ??= new Node();
            }
        }

        if (!node.Routes.TryAdd(Key(route.Method, route.Template[^1] == '/'), route))
        {
            throw new InvalidOperationException($"two operations for {route}");
        }
    }

    // What a path spells out goes before what it names, as in the server's own order; an id before a name. Where that leads nowhere, the next is tried.
    private static PrefectRoute? Find(Node node, PrefectPath path, int at, string method, string[] values, int taken, out int count)
    {
        count = taken;
        if (at == path.Segments.Length)
        {
            return node.Routes.GetValueOrDefault(Key(method, path.EndsWithSlash));
        }

        var segment = path.Segments[at];
        if (node.Literals.TryGetValue(segment, out var literal) && Find(literal, path, at + 1, method, values, taken, out count) is { } spelled)
        {
            return spelled;
        }

        if (node.Id is { } id && PrefectId.TryReadPath(segment, out var canonical))
        {
            values[taken] = canonical;
            if (Find(id, path, at + 1, method, values, taken + 1, out count) is { } found)
            {
                return found;
            }
        }

        if (node.Name is not { } name)
        {
            return null;
        }

        values[taken] = segment;
        return Find(name, path, at + 1, method, values, taken + 1, out count);
    }

    private static (string Method, bool EndsWithSlash) Key(string method, bool endsWithSlash) => (method, endsWithSlash);

    private sealed class Node
    {
        public Dictionary<string, Node> Literals { get; } = new(StringComparer.Ordinal);

        public Node? Id { get; set; }

        public Node? Name { get; set; }

        public Dictionary<(string Method, bool EndsWithSlash), PrefectRoute> Routes { get; } = [];
    }
}
