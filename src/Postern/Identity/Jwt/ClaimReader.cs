using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Postern.Model;

namespace Postern.Identity.Jwt;

/// <summary>From verified claims to a <see cref="Caller"/>: which claim names it, of what kind it is, in which groups.</summary>
internal static class ClaimReader
{
    private const int LongestName = 256;
    private const int DeepestDelegation = 4;

    /// <summary>Reads the caller, or says what is wrong: worded for the caller, with names of claims and none of their values.</summary>
    public static (Caller? Caller, string? Problem) Read(ICallerNaming options, JsonElement claims, string? keyId, DateTimeOffset expires)
    {
        if (Text(claims, options.Subject) is not { Length: > 0 } subject)
        {
            return (null, $"it has no {options.Subject} that names its caller");
        }

        if (!IsName(subject))
        {
            return (null, $"its {options.Subject} can't be a name");
        }

        if (options.Subject == "email" && !IsVerifiedAddress(claims, subject))
        {
            return (null, "its email is not a verified address");
        }

        if (!TryReadGroups(options.Groups, claims, out var groups))
        {
            return (null, $"its {options.Groups} can't be read in whole");
        }

        if (!TryReadActors(claims, out var actors))
        {
            return (null, $"its act can't be read or names more than {DeepestDelegation} actors");
        }

        var caller = new Caller
        {
            Kind = Kind(options.Kind, claims),
            Issuer = options.Name,
            Subject = subject,
            Name = $"{options.Name}/{subject}",
            DisplayName = options.Display is { } display && Text(claims, display) is { Length: > 0 } shown && IsName(shown) ? shown : subject,
            Groups = groups,
            Claims = claims,
            TokenId = Text(claims, "jti"),
            SessionId = Text(claims, "sid"),
            KeyId = keyId,
            Actors = actors,
            ExpiresAt = expires,
        };
        return (caller, null);
    }

    /// <summary>The text at a claim path where it can be a name: what stands in records must be what a reader sees.</summary>
    public static string? Name(JsonElement claims, string path) => Text(claims, path) is { Length: > 0 } text && IsName(text) ? text : null;

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

    // What stands in front of every record and stamp must be what a reader sees: nothing that breaks a line, hides itself or turns the direction of writing.
    public static bool IsName(string text) =>
        text.Length <= LongestName && text == text.Trim()
        && !text.Any(c => char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    // "a@x@y" is read as one domain by some and as another by others.
    private static bool IsVerifiedAddress(JsonElement claims, string address)
    {
        var at = address.IndexOf('@', StringComparison.Ordinal);
        return at > 0 && at < address.Length - 1 && address.IndexOf('@', at + 1) < 0 && !address.Any(char.IsWhiteSpace)
            && At(claims, "email_verified") is { } verified
            // Some issuers write the word.
            && (verified.ValueKind == JsonValueKind.True || (verified.ValueKind == JsonValueKind.String && verified.GetString() == "true"));
    }

    // Groups take away as well as give (a deny names them), so that half a list is no list.
    private static bool TryReadGroups(string? path, JsonElement claims, out ImmutableArray<string> groups)
    {
        groups = [];
        if (path is null)
        {
            return true;
        }

        if (At(claims, path) is not { } value)
        {
            // OpenID Connect Core §5.6.2: an issuer that finds the list too long names a place to fetch it from instead.
            return !(claims.TryGetProperty("_claim_names", out var elsewhere) && At(elsewhere, path) is not null);
        }

        if (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.String))
        {
            return false;
        }

        groups = Texts(claims, path);
        return value.ValueKind is JsonValueKind.Array or JsonValueKind.String or JsonValueKind.Null;
    }

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
            if (found.Count == DeepestDelegation || actor.ValueKind != JsonValueKind.Object || Text(actor, "sub") is not { Length: > 0 } name
                || !IsName(name))
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
