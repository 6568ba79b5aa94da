using System.Text;

namespace Postern.Engines.Prefect;

/// <summary>An operation with what its path says.</summary>
internal sealed class PrefectMatch
{
    private readonly string[] _values;

    private PrefectMatch(PrefectRoute route, string target, string[] values)
    {
        Route = route;
        Target = target;
        _values = values;
    }

    public PrefectRoute Route { get; }

    /// <summary>What is sent to the server: the path as it was judged, with the ids of the template in their canonical form, and the query.</summary>
    public string Target { get; }

    /// <summary>The values of the template's parameters in its order, decoded; ids with hyphens, in lower case.</summary>
    public ReadOnlySpan<string> Values => _values;

    public static PrefectMatch Of(PrefectRoute route, PrefectPath path, ReadOnlySpan<string> values)
    {
        var taken = values.ToArray();
        var next = 0;
        var same = true;
        for (var i = 0; i < route.Parts.Length && next < taken.Length; i++)
        {
            same &= !PrefectRoute.IsParameter(route.Parts[i]) || string.Equals(taken[next++], path.Segments[i], StringComparison.Ordinal);
        }

        return new PrefectMatch(route, same ? path.Target : Write(route, path, taken), taken);
    }

    /// <summary>The value of a parameter, by its name in the template.</summary>
    /// <exception cref="ArgumentException">The template has no such parameter.</exception>
    public string ValueOf(string parameter)
    {
        var next = 0;
        foreach (var part in Route.Parts)
        {
            if (!PrefectRoute.IsParameter(part))
            {
                continue;
            }

            if (part.AsSpan(1, part.Length - 2).Equals(parameter, StringComparison.Ordinal))
            {
                return _values[next];
            }

            next++;
        }

        throw new ArgumentException($"{Route} has no {parameter}", nameof(parameter));
    }

    private static string Write(PrefectRoute route, PrefectPath path, string[] values)
    {
        var target = new StringBuilder(path.Target.Length + 4);
        var next = 0;
        for (var i = 0; i < path.Segments.Length; i++)
        {
            PrefectPath.Write(target.Append('/'), PrefectRoute.IsParameter(route.Parts[i]) ? values[next++] : path.Segments[i]);
        }

        if (path.EndsWithSlash)
        {
            target.Append('/');
        }

        return path.Query.Text.Length == 0 ? target.ToString() : target.Append('?').Append(path.Query.Text).ToString();
    }
}
