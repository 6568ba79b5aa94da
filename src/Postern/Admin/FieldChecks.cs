using System.Net;
using System.Text.Json;
using Postern.Configuration;
using Postern.Identity.Jwt;
using Postern.Policy;

namespace Postern.Admin;

/// <summary>Checks what a client wrote, member by member, and collects all that is wrong.</summary>
internal sealed class FieldChecks
{
    private const int LongestName = 63;
    private const int LongestText = 1024;
    private const int MostItems = 100;
    private const int MostKeys = 10;

    private static readonly string[] Callers = ["user:", "group:", "account:", "agent:"];

    private readonly List<FieldProblem> _problems = [];

    /// <summary>The answer where anything was wrong; null otherwise.</summary>
    public ManagementAnswer? Refused => _problems.Count == 0 ? null : ManagementAnswer.Invalid(_problems);

    /// <summary>Whether a text can name an account or a user: <c>[a-z0-9][a-z0-9._-]{0,62}</c>.</summary>
    public static bool IsName(string text) => text.Length is > 0 and <= LongestName && char.IsAsciiLetterLower(text[0]) | char.IsAsciiDigit(text[0])
        && text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-');

    public FieldChecks Add(string member, string problem)
    {
        _problems.Add(new FieldProblem(member, problem));
        return this;
    }

    public FieldChecks Name(string member, string text) =>
        IsName(text) ? this : Add(member, $"takes 1 to {LongestName} of a-z, 0-9, '.', '_' and '-', a letter or a digit first");

    public FieldChecks Text(string member, string text, int longest = LongestText) =>
        text.Length > longest ? Add(member, $"is longer than {longest} characters") : text.Any(char.IsControl) ? Add(member, "holds control characters") : this;

    public FieldChecks Owner(string member, string text) => text.Length == 0 || Callers.Any(kind => text.StartsWith(kind, StringComparison.Ordinal) && text.Length > kind.Length)
        ? Text(member, text, 256)
        : Add(member, "is written as policy writes callers: user:okta/alice@example.com or group:okta/payments");

    public FieldChecks Labels(string member, IReadOnlyDictionary<string, string> labels)
    {
        if (labels.Count > MostItems)
        {
            return Add(member, $"holds more than {MostItems} labels");
        }

        foreach (var (key, value) in labels)
        {
            _ = key.Length is 0 or > LongestName || key.Any(c => !(char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '/')) || value is null || value.Length > 256 || value.Any(char.IsControl)
                ? Add(member, "keys are 1 to 63 letters, digits, '.', '_', '-' and '/', values up to 256 characters")
                : this;
        }

        return this;
    }

    public FieldChecks Patterns(string member, IReadOnlyList<string> patterns) => Items(member, patterns, p => p.Length is > 0 and <= 255 && !p.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)),
        "takes names of namespaces, with * for any part: payments, billing-*");

    public FieldChecks Audiences(string member, IReadOnlyDictionary<string, IReadOnlyList<string>> audiences)
    {
        Items(member, [.. audiences.Keys], IsToken, "audiences are 1 to 255 characters without blanks");
        foreach (var scopes in audiences.Values)
        {
            Items(member, scopes, s => IsToken(s) && !s.Any(c => c is '"' or '\\'), "scopes are 1 to 255 characters without blanks, quotes and backslashes");
        }

        return this;
    }

    /// <summary>Keys that can verify signatures, each found by an id of its own.</summary>
    public FieldChecks PublicKeys(string member, IReadOnlyList<PublicJwk> keys)
    {
        if (keys.Count > MostKeys || keys.Any(key => key is null))
        {
            return Add(member, $"takes up to {MostKeys} keys");
        }

        for (var i = 0; i < keys.Count; i++)
        {
            if (!IsUsable(keys[i]))
            {
                return Add($"{member}[{i}]", "takes public keys as JWKs: EC on P-256, P-384 or P-521, or RSA of 2048 bits or more");
            }
        }

        return keys.Select(key => key.Kid ?? "").Distinct(StringComparer.Ordinal).Count() == keys.Count ? this : Add(member, "keys need ids (kid) of their own");
    }

    public FieldChecks Networks(string member, IReadOnlyList<string> networks) => Items(member, networks, IsNetwork,
        "takes networks by their first address and length: 10.0.0.0/8, 2001:db8::/32, or 10.1.2.3/32 for one address");

    /// <summary>Roles, which must be of the policy or built in: a key that is narrowed to a word that nobody knows would open nothing.</summary>
    /// <param name="member">The member.</param>
    /// <param name="roles">What it holds.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="isTold">Whether who asks may hear what roles there are.</param>
    public FieldChecks Roles(string member, IReadOnlyList<string> roles, PolicySet policy, bool isTold)
    {
        string[] known = [.. BuiltInRoles.All.Select(r => r.Name), .. policy.Document.Roles.Select(r => r.Role.Name)];
        return roles.FirstOrDefault(r => !known.Contains(r)) is { } unknown ? Add(member, $"the policy has no role of this name{(isTold ? "; " + NearestName.Advice(unknown, known) : "")}") : Items(member, roles, IsToken, "takes roles");
    }

    public FieldChecks Groups(string member, IReadOnlyList<string> groups) => Items(member, groups, g => g.Length is > 0 and <= 255 && !g.Any(char.IsControl), "takes names of groups");

    /// <summary>A moment that lies between two others.</summary>
    public FieldChecks Between(string member, DateTimeOffset? moment, DateTimeOffset after, DateTimeOffset until, string otherwise) =>
        moment is null || (moment > after && moment <= until) ? this : Add(member, moment <= after ? "lies in the past" : otherwise);

    private static bool IsUsable(PublicJwk key)
    {
        try
        {
            return IssuerKeySet.Read($"{{\"keys\":[{JsonSerializer.Serialize(key, ManagementJson.Default.PublicJwk)}]}}", null, default).All.Length == 1;
        }
        catch (Exception e) when (e is FormatException or ArgumentException or JsonException)
        {
            return false;
        }
    }

    private static bool IsToken(string text) => text.Length is > 0 and <= 255 && text.All(c => c is > ' ' and <= '~');

    // The framework also reads 10 and 0x7f.1 as addresses; who writes those made a mistake.
    private static bool IsNetwork(string text)
    {
        var host = text.Split('/')[0];
        return (host.Contains(':') || host.Split('.').Length == 4) && !host.Contains('%') && text.Contains('/')
            // Bits behind the length would be overlooked, and more be let in than was written.
            && IPNetwork.TryParse(text, out var network) && IPAddress.TryParse(host, out var address) && network.BaseAddress.Equals(address);
    }

    private FieldChecks Items(string member, IReadOnlyList<string> items, Func<string, bool> isGood, string otherwise)
    {
        if (items.Count > MostItems)
        {
            return Add(member, $"holds more than {MostItems}");
        }

        for (var i = 0; i < items.Count; i++)
        {
            if (items[i] is null || !isGood(items[i]))
            {
                return Add($"{member}[{i}]", otherwise);
            }
        }

        return this;
    }
}
