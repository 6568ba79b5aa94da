using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Identity.Accounts;

/// <summary>
/// Passwords of local users as they are kept: <c>pbkdf2-sha256$‹iterations›$‹salt›$‹hash›</c>, the platform's PBKDF2 at the cost that OWASP names. The cost stands
/// in the text, so that a later one leaves those of today good.
/// </summary>
internal static class Passwords
{
    /// <summary>Shortest password, in characters: a single factor (NIST SP 800-63B-4 §3.1.1.2).</summary>
    public const int Shortest = 15;

    /// <summary>Longest password, in characters.</summary>
    public const int Longest = 256;

    private const string Scheme = "pbkdf2-sha256";
    private const int Iterations = 600_000;
    private const int MostIterations = 10_000_000;
    private const int SaltLength = 16;
    private const int HashLength = 32;

    /// <summary>What is wrong with a password for this user; null where nothing is. Never repeats it.</summary>
    public static string? Problem(string password, string name) =>
        password.Length < Shortest ? $"is shorter than {Shortest} characters; several words are easier to keep in mind than signs"
        : password.Length > Longest ? $"is longer than {Longest} characters"
        : password.Contains(name, StringComparison.OrdinalIgnoreCase) ? "holds the user's name"
        : password.Distinct().Count() < 5 ? "holds too few different characters"
        : null;

    /// <summary>Takes a fifth of a second of one core: never on a request's thread.</summary>
    public static string Hash(string password)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltLength);
        return Text(salt, Derive(password, salt, Iterations, HashLength));
    }

    /// <summary>A text that no password belongs to; finding that out takes as long as with a user's.</summary>
    public static string OfNobody() => Text(RandomNumberGenerator.GetBytes(SaltLength), RandomNumberGenerator.GetBytes(HashLength));

    /// <summary>Whether a password is the one that was kept. False for a text that no build of ours wrote.</summary>
    public static bool Verify(string password, string kept)
    {
        var parts = kept.Split('$');
        if (parts.Length != 4 || parts[0] != Scheme || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var iterations) || iterations is < 1 or > MostIterations)
        {
            return false;
        }

        try
        {
            var hash = Convert.FromBase64String(parts[3]);
            return hash.Length == HashLength && CryptographicOperations.FixedTimeEquals(hash, Derive(password, Convert.FromBase64String(parts[2]), iterations, hash.Length));
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static string Text(byte[] salt, byte[] hash) =>
        string.Create(CultureInfo.InvariantCulture, $"{Scheme}${Iterations}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");

    private static byte[] Derive(string password, byte[] salt, int iterations, int length) =>
        Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, iterations, HashAlgorithmName.SHA256, length);
}
