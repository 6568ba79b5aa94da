using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Tokens;

/// <summary>One ES256 key pair. It doesn't print itself.</summary>
internal sealed class SigningKey
{
    /// <summary>Bytes of a signature: ES256 has no longer and no shorter one.</summary>
    public const int SignatureLength = 64;

    private const string P256 = "1.2.840.10045.3.1.7";

    private readonly ECDsa _key;
    private volatile bool _withdrawn;

    /// <summary>Takes the key over. Throws where it is not of the one curve that ES256 is for.</summary>
    public SigningKey(ECDsa key, DateTimeOffset made)
    {
        var parameters = key.ExportParameters(includePrivateParameters: false);
        if (parameters.Curve.Oid.Value != P256)
        {
            throw new CryptographicException("the key is not on the curve P-256");
        }

        _key = key;
        var (x, y) = (Base64UrlEncoder.Encode(parameters.Q.X), Base64UrlEncoder.Encode(parameters.Q.Y));
        // RFC 7638 thumbprint, cut: an id that two gates derive alike from the key itself.
        var members = $"{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{x}\",\"y\":\"{y}\"}}";
        Id = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(members)))[..22];
        Made = made;
        Public = new PublicKey("EC", "P-256", x, y, Id, "sig", SecurityAlgorithms.EcdsaSha256);
        Credentials = new SigningCredentials(new ECDsaSecurityKey(key) { KeyId = Id }, SecurityAlgorithms.EcdsaSha256);
    }

    public string Id { get; }

    public DateTimeOffset Made { get; }

    public PublicKey Public { get; }

    public SigningCredentials Credentials { get; }

    /// <summary>Signs as ES256 says: over the SHA-256 of the text, in the two numbers' fixed form. Any number of threads at once, as the credentials do too.</summary>
    public void Sign(ReadOnlySpan<byte> text, Span<byte> signature)
    {
        if (!_key.TrySignData(text, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation, out var length) || length != SignatureLength)
        {
            throw new CryptographicException("the key made no signature");
        }
    }

    /// <summary>Whether the key is no longer published, so that nobody accepts its signatures.</summary>
    public bool IsWithdrawn => _withdrawn;

    public void Withdraw() => _withdrawn = true;

    public override string ToString() => Id;
}
