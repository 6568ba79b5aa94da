using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Dev.IdentityProvider;

/// <summary>The key that signs the identity provider's tokens. It stays in its folder, so that tokens outlive a restart.</summary>
internal sealed class DevSigningKey : IDisposable
{
    private readonly ECDsa _key;

    private DevSigningKey(ECDsa key)
    {
        _key = key;
        var point = key.ExportParameters(false).Q;
        X = Base64UrlEncoder.Encode(point.X);
        Y = Base64UrlEncoder.Encode(point.Y);
        // RFC 7638: the members in alphabetical order, nothing between them.
        KeyId = Base64UrlEncoder.Encode(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{X}}","y":"{{Y}}"}""")));
        Credentials = new SigningCredentials(new ECDsaSecurityKey(key) { KeyId = KeyId }, SecurityAlgorithms.EcdsaSha256);
    }

    public string KeyId { get; }

    public string X { get; }

    public string Y { get; }

    public SigningCredentials Credentials { get; }

    /// <summary>Reads the key's file, or makes the key and the file.</summary>
    public static DevSigningKey Open(string path)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        try
        {
            if (File.Exists(path))
            {
                key.ImportFromPem(File.ReadAllText(path));
            }
            else
            {
                var options = new FileStreamOptions
                {
                    Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                };
                using var writer = new StreamWriter(path, options);
                writer.Write(key.ExportPkcs8PrivateKeyPem());
            }

            return new DevSigningKey(key);
        }
        catch (Exception e)
        {
            key.Dispose();
            throw e is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException
                ? new DevSetupException($"{path}: this file must hold the private key that signs the identity provider's tokens: {e.Message} Delete it for a new key.", e)
                : e;
        }
    }

    public void Dispose() => _key.Dispose();
}
