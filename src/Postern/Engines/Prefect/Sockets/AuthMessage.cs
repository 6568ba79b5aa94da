using System.Text.Json;

namespace Postern.Engines.Prefect.Sockets;

/// <summary>A socket's first message: <c>{"type":"auth","token":…}</c>. The token is the whole auth string, not its base64.</summary>
internal static class AuthMessage
{
    /// <summary>Most bytes of it that are looked at: the longest credential, and its frame.</summary>
    public const int Longest = 64 * 1024;

    /// <summary>Reads one.</summary>
    /// <param name="message">The text.</param>
    /// <param name="token">The token; null where there is none, which is nothing else than an empty one to the server.</param>
    /// <param name="fault">What the client is told, in the server's own words; null where it can be read.</param>
    public static bool TryRead(ReadOnlyMemory<byte> message, out string? token, out string fault)
    {
        token = null;
        fault = PrefectSockets.ExpectedAuth;
        using var document = SocketJson.Read(message);
        if (document?.RootElement is not { } root || root.Text("type") != "auth")
        {
            return false;
        }

        if (root.TryGetProperty("token", out var value) && value.ValueKind != JsonValueKind.Null)
        {
            token = value.Text();
            fault = PrefectSockets.InvalidToken;
            if (token is null)
            {
                return false;
            }
        }

        token = token is { Length: 0 } ? null : token;
        return true;
    }

    /// <summary>What the gate says to the server in the caller's place.</summary>
    public static byte[] Write(string? token) => JsonSerializer.SerializeToUtf8Bytes(new Message("auth", token), s_written);

    /// <summary>Whether the server says by it that it lets the gate in.</summary>
    public static bool IsSuccess(ReadOnlyMemory<byte> message)
    {
        using var document = SocketJson.Read(message);
        return document?.RootElement.Text("type") == "auth_success";
    }

    /// <summary>
    /// What of a token is the credential: of <c>user:password</c> the password, whoever the user is said to be, as with Basic; a token without a colon as a whole.
    /// </summary>
    public static string CredentialIn(string token) => token.IndexOf(':') is var colon and >= 0 ? token[(colon + 1)..] : token;

    private static readonly JsonSerializerOptions s_written = new(JsonSerializerDefaults.Web) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private sealed record Message(string Type, string? Token);
}
