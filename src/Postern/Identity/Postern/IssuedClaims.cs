using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Postern.Model;

namespace Postern.Identity.Postern;

/// <summary>
/// What a token of the gate's own says to the gate alone, in its claim <c>postern</c>: whom it speaks for, and what it and everything that it was made from are
/// narrowed to and rest on.
/// </summary>
internal sealed record IssuedClaims
{
    // Lists have setters: to the serializer's generated code an init that isn't written is null.

    /// <summary>The claim's name.</summary>
    public const string Claim = "postern";

    /// <summary>Id of the account or local user that it speaks for. Null for whom an issuer vouched for.</summary>
    public string? Principal { get; init; }

    /// <summary>Of a local user who logged in: <see cref="Model.LocalUser.SessionVersion"/> as it was then. It ends when the user's is another. Null where no login led here.</summary>
    public long? SessionVersion { get; init; }

    /// <summary>Name of the issuer that vouched for the caller, and what it said of him when the token was issued.</summary>
    public string? Issuer { get; init; }

    public string? Subject { get; init; }

    public string? Display { get; init; }

    public IReadOnlyList<string> Groups { get; set; } = [];

    /// <summary>The claims of the token that he came with: a deny may name any of them, so that none may be lost on the way.</summary>
    public JsonElement? Claims { get; init; }

    /// <summary>Sets of namespace patterns; one of each set must match.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Namespaces { get; set; } = [];

    public IReadOnlyList<string> Roles { get; set; } = [];

    /// <summary>Networks that it may come from.</summary>
    public IReadOnlyList<string> Sources { get; set; } = [];

    /// <summary>Id of the key that it was got with: it ends with it.</summary>
    public string? Key { get; init; }

    /// <summary>Id of the client certificate that it was got with: it ends with it.</summary>
    public string? Certificate { get; init; }

    /// <summary>The name in that certificate, for <c>certificate:</c> in policy.</summary>
    public string? CertificateName { get; init; }

    /// <summary>Ids of accounts and users among its actors: it ends with each.</summary>
    public IReadOnlyList<string> Actors { get; set; } = [];

    /// <summary>Ids (<c>jti</c>) of the tokens that it was exchanged for: it ends with each.</summary>
    public IReadOnlyList<string> From { get; set; } = [];

    /// <summary>Ids of the sessions that its own was forked from: it ends with each.</summary>
    public IReadOnlyList<string> Sessions { get; set; } = [];

    /// <summary>The task that it is bound to: it holds while that runs, and answers nothing else.</summary>
    public BoundTask? Task { get; init; }

    public JsonNode Write() => JsonSerializer.SerializeToNode(this, IssuedJson.Default.IssuedClaims)!;

    /// <summary>Null where it can't be read; the token was signed by a gate that means something else by it.</summary>
    public static IssuedClaims? Read(JsonElement claims)
    {
        try
        {
            return claims.TryGetProperty(Claim, out var own) ? own.Deserialize(IssuedJson.Default.IssuedClaims) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

// What isn't known would be a narrowing that isn't seen.
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(IssuedClaims))]
internal sealed partial class IssuedJson : JsonSerializerContext;
