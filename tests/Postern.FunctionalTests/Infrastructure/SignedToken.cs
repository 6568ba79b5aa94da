using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>A token of the gate's own, read and checked without its code.</summary>
internal class SignedToken
{
    public SignedToken(string text)
    {
        Text = text;
        var parts = text.Split('.');
        Header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0])).RootElement;
        Claims = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1])).RootElement;
    }

    public string Text { get; }

    public JsonElement Header { get; }

    public JsonElement Claims { get; }

    public string? Subject => this["sub"];

    /// <summary>A claim that is a text; null where there is none.</summary>
    public string? this[string claim] => Claims.TryGetProperty(claim, out var value) ? value.GetString() : null;

    /// <summary>The signature is of a key in the published set.</summary>
    public bool IsSignedBy(JsonElement keySet)
    {
        var kid = Header.GetProperty("kid").GetString();
        var key = keySet.GetProperty("keys").EnumerateArray().FirstOrDefault(key => key.GetProperty("kid").GetString() == kid);
        if (key.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Base64Url.DecodeFromChars(key.GetProperty("x").GetString()), Y = Base64Url.DecodeFromChars(key.GetProperty("y").GetString()) },
        });
        var signature = Text.LastIndexOf('.');
        return ecdsa.VerifyData(Encoding.ASCII.GetBytes(Text[..signature]), Base64Url.DecodeFromChars(Text.AsSpan(signature + 1)), HashAlgorithmName.SHA256);
    }
}
