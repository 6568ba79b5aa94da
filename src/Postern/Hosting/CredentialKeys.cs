using Microsoft.Extensions.Logging;
using Postern.Model;
using Postern.Tokens;

namespace Postern.Hosting;

/// <summary>
/// What the keys for credentials are used for. They have a folder of their own in <c>keys</c>, which gates of a cluster share: whoever voids seals of tasks must
/// not void every key.
/// </summary>
internal static class CredentialKeys
{
    /// <summary>Hashes secrets that are kept.</summary>
    public static SecretHash HashOf(string data, TimeProvider time, ILoggerFactory loggers)
    {
        var sealer = Keys(data, time, loggers).For("credentials");
        return new SecretHash(
            secret =>
            {
                var tag = new byte[Sealer.TagLength];
                sealer.Write(secret, tag);
                return tag;
            },
            (secret, tag) => tag.Length == Sealer.TagLength && sealer.IsValid(secret, tag.Span));
    }

    /// <summary>Seals credentials for emergencies.</summary>
    public static SecretSeal SealOf(string data, TimeProvider time, ILoggerFactory loggers)
    {
        var sealer = Keys(data, time, loggers).For("break-glass");
        return new SecretSeal(secret => sealer.Close(secret, []), closed => sealer.TryOpen(closed, [], out var secret) ? secret : null);
    }

    /// <summary>Closes what a browser carries through a login.</summary>
    public static Sealer LoginsOf(string data, TimeProvider time, ILoggerFactory loggers) => Keys(data, time, loggers).For("logins");

    /// <summary>Where used ones are marked.</summary>
    public static string MarkersIn(string data) => Path.Combine(data, "keys", "break-glass");

    private static SealKeys Keys(string data, TimeProvider time, ILoggerFactory loggers) =>
        new(Path.Combine(data, "keys", "credential"), time, loggers.CreateLogger<SealKeys>());
}
