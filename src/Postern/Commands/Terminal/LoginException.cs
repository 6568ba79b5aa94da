namespace Postern.Commands.Terminal;

/// <summary>A login that can't go on; its words are for the person at the terminal and hold no secret.</summary>
/// <param name="text">The words.</param>
/// <param name="error">The error of the gate's answer (RFC 6749 §5.2), if that is what it was.</param>
internal sealed class LoginException(string text, string? error = null) : Exception(text)
{
    public string? Error => error;
}
