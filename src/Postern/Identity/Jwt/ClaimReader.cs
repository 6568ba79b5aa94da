using System.Collections.Immutable;
using System.Text.Json;
using Postern.Model;

namespace Postern.Identity.Jwt;

/// <summary>From verified claims to a <see cref="Caller"/>: which claim names it, of what kind it is, in which groups.</summary>
internal static class ClaimReader
{
    private const int LongestSubject = 256;
    private const int DeepestDelegation = 4;

    /// <summary>Reads the caller. A problem is worded for the caller and names claims, never their values of others.</summary>
    public static Caller? Read(IssuerOptions options, JsonElement claims, string? keyId, DateTimeOffset expires, out string? problem)
    {
        problem = null;
        if (Text(claims, options.Subject) is not { Length: > 0 } subject)
        {
            problem = $"the token has no {options.Subject}";
            return null;
        }

        if (subject.Length > LongestSubject || subject.Any(char.IsControl) || subject != subject.Trim())
        {
            problem = $"the token's {options.Subject} can't be a name";
            return null;
        }

        if (options.Subject == "email" && (!IsTrue(claims, "email_verified") || subject.Count(c => c == '@') != 1))
        {
            problem = "the token's email is not verified";
            return null;
        }

        if (!TryReadActors(claims, out var actors))
        {
            problem = "the token's act chain can't be read or is too long";
            return null;
        }

        return new Caller
        {
            Kind = Kind(options.Kind, claims),
            Issuer = options.Name,
            Subject = subject,
            Name = $"{options.Name}/{subject}",
            DisplayName = options.Display is { } display && Text(claims, display) is { Length: > 0 and <= LongestSubject } shown && !shown.Any(char.IsControl) ? shown : subject,
            Groups = options.Groups is { } groups ? Texts(claims, groups) : [],
            Claims = claims,
            TokenId = Text(claims, "jti"),
            SessionId = Text(claims, "sid"),
            KeyId = keyId,
            Actors = actors,
            ExpiresAt = expires,
        };
    }

    /// <summary>The element at a claim path: first the whole name, since URL-like claim names contain dots, then dot by dot.</summary>
    public static JsonElement? At(JsonElement claims, string path)
    {
        if (claims.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        if (claims.TryGetProperty(path, out var whole))
        {
            return whole;
        }

        for (var dot = path.IndexOf('.', StringComparison.Ordinal); dot > 0; dot = path.IndexOf('.', dot + 1))
        {
            if (claims.TryGetProperty(path[..dot], out var part) && At(part, path[(dot + 1)..]) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    private static string? Text(JsonElement claims, string path) => At(claims, path) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static ImmutableArray<string> Texts(JsonElement claims, string path) => At(claims, path) switch
    {
        { ValueKind: JsonValueKind.String } one => [one.GetString()!],
        { ValueKind: JsonValueKind.Array } many => [.. many.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)],
        _ => [],
    };

    private static bool IsTrue(JsonElement claims, string path) =>
        At(claims, path) is { } value && (value.ValueKind == JsonValueKind.True || (value.ValueKind == JsonValueKind.String && value.GetString() == "true"));

    private static CallerKind Kind(CallerKindOptions options, JsonElement claims)
    {
        if (options.Claim is not { } path)
        {
            return options.Default;
        }

        foreach (var value in Texts(claims, path))
        {
            if (Matches(options.Human, value))
            {
                return CallerKind.Human;
            }

            if (Matches(options.Service, value))
            {
                return CallerKind.Service;
            }

            if (Matches(options.Agent, value))
            {
                return CallerKind.Agent;
            }
        }

        return options.Default;
    }

    private static bool Matches(IReadOnlyList<string> globs, string value) => globs.Any(glob => Glob.IsMatch(glob, value));

    private static bool TryReadActors(JsonElement claims, out ImmutableArray<string> actors)
    {
        actors = [];
        var found = ImmutableArray.CreateBuilder<string>();
        var at = claims;
        while (at.TryGetProperty("act", out var actor))
        {
            if (found.Count == DeepestDelegation || actor.ValueKind != JsonValueKind.Object || Text(actor, "sub") is not { Length: > 0 and <= LongestSubject } name
                || name.Any(char.IsControl))
            {
                return false;
            }

            found.Add(name);
            at = actor;
        }

        actors = found.DrainToImmutable();
        return true;
    }
}
