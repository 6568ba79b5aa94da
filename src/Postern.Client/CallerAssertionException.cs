namespace Postern.Client;

/// <summary>
/// The assertion proves nothing: it is forged, expired, of another workflow, or none. Treat the caller as unknown. Trying again changes nothing.
/// </summary>
public sealed class CallerAssertionException : Exception
{
    /// <summary>An assertion that proves nothing.</summary>
    public CallerAssertionException()
    {
    }

    /// <summary>An assertion that proves nothing, and why: words for a log, without the token.</summary>
    public CallerAssertionException(string message)
        : base(message)
    {
    }

    /// <summary>An assertion that proves nothing, and why.</summary>
    public CallerAssertionException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>
/// Whether the assertion proves anything can't be told at the moment: the gate's keys can't be had. Try again; don't treat the caller as unknown.
/// </summary>
public sealed class CallerKeysUnavailableException : Exception
{
    /// <summary>Keys that can't be had.</summary>
    public CallerKeysUnavailableException()
    {
    }

    /// <summary>Keys that can't be had, and why.</summary>
    public CallerKeysUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>Keys that can't be had, and why.</summary>
    public CallerKeysUnavailableException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
