namespace Postern.FunctionalTests.Infrastructure;

/// <summary>What came back on one stream, frame by frame put together.</summary>
internal sealed class RawAnswer
{
    public IReadOnlyList<(string Name, string Value)> Headers { get; set; } = [];

    public IReadOnlyList<(string Name, string Value)> Trailers { get; set; } = [];

    public MemoryStream Bytes { get; } = new();

    /// <summary>The answer was one HEADERS frame with END_STREAM.</summary>
    public bool TrailersOnly { get; set; }

    /// <summary>The code of an RST_STREAM, whether before or after the end.</summary>
    public int? Reset { get; set; }

    /// <summary>END_STREAM was seen.</summary>
    public bool Ended { get; set; }

    /// <summary>The connection closed under the call.</summary>
    public bool Closed { get; set; }

    public byte[] Body => Bytes.ToArray();

    public string? HttpStatus => Find(Headers, ":status");

    /// <summary>grpc-status, wherever it stands.</summary>
    public int? Status => (Find(Trailers, "grpc-status") ?? Find(Headers, "grpc-status")) is { } text ? int.Parse(text) : null;

    /// <summary>grpc-message, percent decoded.</summary>
    public string Message => Uri.UnescapeDataString(Find(Trailers, "grpc-message") ?? Find(Headers, "grpc-message") ?? "");

    public string? Details => Find(Trailers, "grpc-status-details-bin") ?? Find(Headers, "grpc-status-details-bin");

    public override string ToString() =>
        $"headers [{Text(Headers)}] body {Bytes.Length} trailers [{Text(Trailers)}] reset {Reset} ended {Ended} closed {Closed}";

    public static string? Find(IEnumerable<(string Name, string Value)> headers, string name) =>
        headers.Where(header => header.Name == name).Select(header => header.Value).FirstOrDefault();

    private static string Text(IEnumerable<(string Name, string Value)> headers) => string.Join(", ", headers.Select(h => $"{h.Name}={h.Value}"));
}
