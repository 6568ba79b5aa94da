namespace Postern.FunctionalTests.Infrastructure;

/// <summary>What the stand-in engine does with one call.</summary>
internal sealed record StubAnswer
{
    /// <summary>Nothing is answered until this is done (or the caller goes away).</summary>
    public Func<CancellationToken, Task>? Before { get; init; }

    /// <summary>The answer itself, where it is known only later. Null: this one.</summary>
    public Func<CancellationToken, Task<StubAnswer>>? Later { get; init; }

    /// <summary>The body waits for this, its head being out already.</summary>
    public Func<CancellationToken, Task>? Amid { get; init; }

    public int HttpStatus { get; init; } = 200;

    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [("content-type", "application/grpc")];

    /// <summary>DATA bytes. Null: none, and where <see cref="Trailers"/> is empty too, one HEADERS frame ends the stream.</summary>
    public byte[]? Body { get; init; }

    /// <summary>The body goes out in this many flushed pieces.</summary>
    public int Pieces { get; init; } = 1;

    public IReadOnlyList<(string Name, string Value)> Trailers { get; init; } = [];

    /// <summary>The stream is reset with this code after headers and body were sent; where <see cref="Body"/> is null, before anything was.</summary>
    public int? Reset { get; init; }

    /// <summary>The whole connection is cut after headers and body were sent.</summary>
    public bool Cut { get; init; }

    /// <summary>GOAWAY is sent on the connection before the answer; calls that are open on it end normally.</summary>
    public bool GoAway { get; init; }

    /// <summary>The stream stays open after headers and body until the caller goes away.</summary>
    public bool StayOpen { get; init; }

    public static StubAnswer Ok(ReadOnlySpan<byte> message = default, params (string, string)[] headers) => new()
    {
        Headers = [("content-type", "application/grpc"), .. headers],
        Body = GrpcFrame.Of(message),
        Trailers = [("grpc-status", "0"), ("grpc-message", "")],
    };

    public static StubAnswer Error(int status, string message, string? details = null) => new()
    {
        Headers =
        [
            ("content-type", "application/grpc"), ("grpc-status", status.ToString()), ("grpc-message", message),
            .. details is null ? [] : new[] { ("grpc-status-details-bin", details) },
        ],
    };

    /// <summary>A poll that gives nothing until the caller goes away.</summary>
    public static StubAnswer Never { get; } = new() { Before = static cancellation => Task.Delay(Timeout.Infinite, cancellation) };
}
