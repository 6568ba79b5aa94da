using System.Text.Json;
using System.Text.Json.Serialization;
using Postern.Identity.Accounts;
using Postern.Identity.Postern;
using Postern.Model;

namespace Postern.OAuth;

/// <summary>Who logged in, as kept with a session or a code: what his issuer said of him then, or which local user he is. Whatever way he came, nothing else is handed on.</summary>
internal sealed record LoggedIn
{
    public required string Name { get; init; }

    public required CallerKind Kind { get; init; }

    public required IssuedClaims Claims { get; init; }

    /// <summary>Whom an issuer has just vouched for.</summary>
    public static LoggedIn Of(Caller caller) => new()
    {
        Name = caller.Name,
        Kind = caller.Kind,
        Claims = new IssuedClaims
        {
            Issuer = caller.Issuer, Subject = caller.Subject, Display = caller.DisplayName == caller.Subject ? null : caller.DisplayName, Groups = caller.Groups,
            Claims = caller.Claims.ValueKind == JsonValueKind.Object ? caller.Claims : null,
        },
    };

    /// <summary>A local user whose password was right. Groups and the like aren't kept: they are looked up whenever they count.</summary>
    public static LoggedIn Of(Principal principal) => new()
    {
        Name = $"{Caller.OwnIssuer}/{principal.Name}",
        Kind = principal.Kind,
        Claims = new IssuedClaims { Principal = principal.Id, SessionVersion = principal.User!.SessionVersion },
    };

    public string Write() => JsonSerializer.Serialize(this, LoggedInJson.Default.LoggedIn);

    /// <summary>Null where another build kept something else.</summary>
    public static LoggedIn? Read(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, LoggedInJson.Default.LoggedIn);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public override string ToString() => Name;
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(LoggedIn))]
internal sealed partial class LoggedInJson : JsonSerializerContext;
