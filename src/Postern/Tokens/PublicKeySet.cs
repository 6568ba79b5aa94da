using System.Text.Json;
using System.Text.Json.Serialization;

namespace Postern.Tokens;

/// <summary>One public key as a JWK (RFC 7517, RFC 7518 §6.2).</summary>
internal sealed record PublicKey(
    [property: JsonPropertyName("kty")] string Kty,
    [property: JsonPropertyName("crv")] string Crv,
    [property: JsonPropertyName("x")] string X,
    [property: JsonPropertyName("y")] string Y,
    [property: JsonPropertyName("kid")] string Kid,
    [property: JsonPropertyName("use")] string Use,
    [property: JsonPropertyName("alg")] string Alg);

/// <summary>A key set (RFC 7517 §5).</summary>
internal sealed record PublicKeySet([property: JsonPropertyName("keys")] IReadOnlyList<PublicKey> Keys)
{
    /// <summary>
    /// The set as JSON; nothing at all for no keys. A stock server takes any JSON object for its new key set, also <c>{"keys":[]}</c>, and then refuses every
    /// call; of an empty body it takes no notice.
    /// </summary>
    public static ReadOnlyMemory<byte> Write(IReadOnlyList<PublicKey> keys) =>
        keys.Count == 0 ? default : JsonSerializer.SerializeToUtf8Bytes(new PublicKeySet(keys), PublicKeySetContext.Default.PublicKeySet);
}

[JsonSerializable(typeof(PublicKeySet))]
internal sealed partial class PublicKeySetContext : JsonSerializerContext;
