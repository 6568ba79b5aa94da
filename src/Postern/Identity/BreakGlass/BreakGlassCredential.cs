using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Postern.Model;

namespace Postern.Identity.BreakGlass;

/// <summary>
/// A credential for the day on which identity provider and store are down: made in advance, kept in an envelope, good for one short session. Everything about it
/// stands in it, sealed; nothing has to be asked.
/// </summary>
/// <param name="Id">Public; what records, markers and revocations name.</param>
/// <param name="Name">Who holds it: the caller's subject is <c>break-glass.‹name›</c>.</param>
/// <param name="NotAfter">When it stops being any use.</param>
/// <param name="Lasts">How long its one session lasts from its first call.</param>
internal sealed record BreakGlassCredential(string Id, string Name, DateTimeOffset NotAfter, TimeSpan Lasts)
{
    public const string Prefix = "pbg_";

    /// <summary>The group in which its caller is: <c>group:postern/break-glass</c> in policy.</summary>
    public const string Group = "break-glass";

    public static BreakGlassCredential Create(string name, DateTimeOffset notAfter, TimeSpan lasts) =>
        new(RandomNumberGenerator.GetString("0123456789abcdefghijklmnopqrstuvwxyz", 16), name, notAfter, lasts);

    /// <summary>Its text, to be shown once.</summary>
    public string Write(SecretSeal seal) => Prefix + Base64Url.EncodeToString(seal.Close(JsonSerializer.SerializeToUtf8Bytes(this, BreakGlassJson.Default.BreakGlassCredential)));

    /// <summary>Null where the text isn't one of ours.</summary>
    public static BreakGlassCredential? Read(string text, SecretSeal seal)
    {
        try
        {
            return seal.Open(Base64Url.DecodeFromChars(text.AsSpan(Prefix.Length))) is { } data ? JsonSerializer.Deserialize(data, BreakGlassJson.Default.BreakGlassCredential) : null;
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            return null;
        }
    }
}

[JsonSerializable(typeof(BreakGlassCredential))]
internal sealed partial class BreakGlassJson : JsonSerializerContext;
