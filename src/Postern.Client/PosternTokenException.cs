namespace Postern.Client;

/// <summary>No token could be had.</summary>
public sealed class PosternTokenException : Exception
{
    /// <summary>No token could be had.</summary>
    public PosternTokenException()
    {
    }

    /// <summary>No token could be had, and why: words for a log, without any secret.</summary>
    public PosternTokenException(string message)
        : base(message)
    {
    }

    /// <summary>No token could be had, and why.</summary>
    public PosternTokenException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The error code of the answer (RFC 6749 §5.2), such as <c>invalid_client</c>; null where there was no such answer.</summary>
    public string? Error { get; init; }

    /// <summary>True where trying again can help: the gate couldn't be reached or said that it can't tell. False where it said no.</summary>
    public bool IsTransient { get; init; }
}
