using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Reads and checks the token that the gate presents to the engine, as a stock server's authorizer would.</summary>
internal sealed class UpstreamToken
{
    private readonly string _text;

    public UpstreamToken(ArrivedCall call)
    {
        var value = call.Headers.Single(header => header.Name == "authorization").Value;
        Assert.StartsWith("Bearer ", value);
        _text = value["Bearer ".Length..];
        var parts = _text.Split('.');
        Header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0])).RootElement;
        Claims = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1])).RootElement;
    }

    public JsonElement Header { get; }

    public JsonElement Claims { get; }

    public string? Subject => Claims.GetProperty("sub").GetString();

    public IReadOnlyList<string?> Permissions => [.. Claims.GetProperty("permissions").EnumerateArray().Select(permission => permission.GetString())];

    /// <summary>The signature is of a key in the published set.</summary>
    public bool IsSignedBy(JsonElement keySet)
    {
        var key = keySet.GetProperty("keys").EnumerateArray().Single(key => key.GetProperty("kid").GetString() == Header.GetProperty("kid").GetString());
        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Base64Url.DecodeFromChars(key.GetProperty("x").GetString()), Y = Base64Url.DecodeFromChars(key.GetProperty("y").GetString()) },
        });
        var signature = _text.LastIndexOf('.');
        return ecdsa.VerifyData(Encoding.ASCII.GetBytes(_text[..signature]), Base64Url.DecodeFromChars(_text.AsSpan(signature + 1)), HashAlgorithmName.SHA256);
    }
}
