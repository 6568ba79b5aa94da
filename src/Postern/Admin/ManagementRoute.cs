using System.Text.Json.Serialization.Metadata;
using Postern.Identity.Accounts;
using Postern.Model;

namespace Postern.Admin;

/// <summary>One call of the management API: where it is, what it needs, what it takes and gives, and who answers it.</summary>
/// <param name="Method">GET, POST, PUT or DELETE.</param>
/// <param name="Path">As the document writes it: <c>/v1/accounts/{name}</c>.</param>
/// <param name="Operation">Its name in policy tests, explain and audit: <c>postern/CreateAccount</c>.</param>
/// <param name="Permission">What it needs on the cluster; None where no policy is asked.</param>
/// <param name="Summary">One line for the document.</param>
/// <param name="AnswerAsync">Answers it once it is allowed.</param>
internal sealed record ManagementRoute(
    string Method, string Path, string Operation, Permission Permission, string Summary, Func<ManagementCall, Task<ManagementAnswer>> AnswerAsync)
{
    private readonly string[] _segments = Path[1..].Split('/');

    /// <summary>Every caller may that no deny names.</summary>
    public bool IsForAnyCaller { get; init; }

    /// <summary>Whoever comes with a credential of the account that it finds may, too.</summary>
    public Func<ManagementCall, Principal?>? Own { get; init; }

    /// <summary>Whether it needs the gate's own accounts.</summary>
    public bool NeedsAccounts { get; init; } = true;

    /// <summary>What its body is; null where it takes none.</summary>
    public JsonTypeInfo? Body { get; init; }

    /// <summary>What it gives; null where it gives nothing.</summary>
    public JsonTypeInfo? Result { get; init; }

    /// <summary>The status where it was done.</summary>
    public int Status { get; init; } = 200;

    /// <summary>Whether it takes <c>cursor</c> and <c>limit</c>.</summary>
    public bool IsPaged { get; init; }

    /// <summary>Whether it changes something that has a version, which If-Match must name.</summary>
    public bool NeedsMatch { get; init; }

    public bool IsRead => Method == "GET";

    /// <summary>The names in braces, in their order.</summary>
    public IEnumerable<string> Parameters => _segments.Where(s => s.StartsWith('{')).Select(s => s[1..^1]);

    /// <summary>Whether the segments of a target, as it came, are this path letter by letter; the names in braces with what stands for them, decoded once.</summary>
    public bool Matches(IReadOnlyList<string> segments, out IReadOnlyDictionary<string, string> values)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        values = found;
        if (segments.Count != _segments.Length)
        {
            return false;
        }

        for (var i = 0; i < _segments.Length; i++)
        {
            if (_segments[i].StartsWith('{') && segments[i].Length > 0)
            {
                found[_segments[i][1..^1]] = Uri.UnescapeDataString(segments[i]);
            }
            else if (!string.Equals(_segments[i], segments[i], StringComparison.Ordinal))
            {
                return false;
            }
        }

        return true;
    }
}
