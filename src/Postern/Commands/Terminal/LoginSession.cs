using System.Text.Json;
using System.Text.Json.Serialization;

namespace Postern.Commands.Terminal;

/// <summary>A person's login on this machine, as it is kept: in a file that only its owner can read.</summary>
/// <param name="Gate">The gate, as it was named.</param>
/// <param name="Issuer">Where its OAuth endpoints are.</param>
/// <param name="RefreshToken">The newest. A secret.</param>
/// <param name="AccessToken">The newest. A secret.</param>
/// <param name="ExpiresAt">When the access token ends.</param>
/// <param name="Authority">A file with the authorities of the gate's certificate; null: the system's.</param>
/// <param name="Prefect">Prefect's API behind the gate, of which its own profile is told; null where it isn't.</param>
internal sealed record LoginSession(Uri Gate, Uri Issuer, string RefreshToken, string AccessToken, DateTimeOffset ExpiresAt, string? Authority, Uri? Prefect = null)
{
    private const string Extension = ".json";

    /// <summary>Where sessions are: <c>$XDG_CONFIG_HOME/postern/sessions</c>, otherwise <c>~/.config/postern/sessions</c>.</summary>
    public static string Folder => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } configured ? configured : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config"),
        "postern", "sessions");

    /// <summary>The session of a profile; null where there is none.</summary>
    /// <exception cref="InvalidDataException">The file isn't one.</exception>
    public static LoginSession? Read(string profile)
    {
        var file = FileOf(profile);
        if (!File.Exists(file))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(file), LoginSessionJson.Default.LoginSession) ?? throw new InvalidDataException($"{file} holds no session; delete it and log in again.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file} can't be read; delete it and log in again.", e);
        }
    }

    public void Write(string profile)
    {
        Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        PrivateFile.Write(FileOf(profile), JsonSerializer.Serialize(this, LoginSessionJson.Default.LoginSession));
    }

    public static void Delete(string profile) => File.Delete(FileOf(profile));

    // What it is printed as must not hold what it keeps.
    public override string ToString() => $"session at {Gate}";

    private static string FileOf(string profile) => Path.Combine(Folder, profile + Extension);
}

[JsonSerializable(typeof(LoginSession))]
internal sealed partial class LoginSessionJson : JsonSerializerContext;
