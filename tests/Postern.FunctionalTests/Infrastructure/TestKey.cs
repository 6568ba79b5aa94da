using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>A signing key with its JWT written by hand: no library refuses to make the tokens that the gate must refuse.</summary>
internal sealed class TestKey
{
    private readonly Func<byte[], byte[]> _sign;
    private readonly Func<JsonObject> _public;

    private TestKey(string id, string algorithm, Func<byte[], byte[]> sign, Func<JsonObject> @public)
    {
        Id = id;
        Algorithm = algorithm;
        _sign = sign;
        _public = @public;
    }

    public string Id { get; }

    public string Algorithm { get; }

    public static TestKey Es256(string id)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new TestKey(id, "ES256", bytes => key.SignData(bytes, HashAlgorithmName.SHA256), () =>
        {
            var point = key.ExportParameters(false).Q;
            return new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Base64Url.EncodeToString(point.X), ["y"] = Base64Url.EncodeToString(point.Y) };
        });
    }

    public static TestKey Rs256(string id, string algorithm = "RS256")
    {
        var key = RSA.Create(2048);
        var padding = algorithm[0] == 'P' ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1;
        return new TestKey(id, algorithm, bytes => key.SignData(bytes, HashAlgorithmName.SHA256, padding), () =>
        {
            var numbers = key.ExportParameters(false);
            return new JsonObject { ["kty"] = "RSA", ["n"] = Base64Url.EncodeToString(numbers.Modulus), ["e"] = Base64Url.EncodeToString(numbers.Exponent) };
        });
    }

    /// <summary>HMAC with any bytes as the secret: a public key's text, for example.</summary>
    public static TestKey Hs256(string id, byte[] secret) => new(id, "HS256", bytes => HMACSHA256.HashData(secret, bytes), () => []);

    /// <summary>No signature at all.</summary>
    public static TestKey None(string id) => new(id, "none", static _ => [], () => []);

    public JsonObject Public()
    {
        var key = _public();
        key["kid"] = Id;
        key["alg"] = Algorithm;
        key["use"] = "sig";
        return key;
    }

    public string Sign(JsonObject header, JsonObject claims) => SignText(header.ToJsonString(), claims.ToJsonString());

    public string SignText(string header, string claims)
    {
        var signed = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header)) + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims));
        return signed + "." + Base64Url.EncodeToString(_sign(Encoding.UTF8.GetBytes(signed)));
    }
}
