namespace Postern.FunctionalTests.Prefect;

/// <summary>What is sent to the gate for a recorded exchange, what the server behind it answers, and what the client gets where that isn't the server's answer.</summary>
internal static class AtTheGate
{
    /// <summary>The one recorded request of HTTP/1.0; the recordings don't say so themselves.</summary>
    private const string OldVersion = "http/bodies-and-headers#21";

    /// <summary>Not requests: the preface of HTTP/2, which the recorder read as two. On the gate's ports it is the start of HTTP/2.</summary>
    public static bool IsNoRequest(RecordedExchange exchange) => exchange.Method is "PRI" or "SM";

    /// <summary>The request as it was recorded.</summary>
    public static WireMessage RequestOf(RecordedExchange exchange) =>
        new($"{exchange.Method} {exchange.Target} {(exchange.ToString().StartsWith(OldVersion, StringComparison.Ordinal) ? "HTTP/1.0" : "HTTP/1.1")}", exchange.Headers, (exchange as RecordedRequest)?.Body ?? []);

    /// <summary>The request of a client that knows its credential at the gate.</summary>
    public static WireMessage RequestOf(RecordedExchange exchange, string authorization)
    {
        var request = RequestOf(exchange);
        return request with { Headers = [.. request.Headers.Where(header => !header.Name.Equals("authorization", StringComparison.OrdinalIgnoreCase)), ("Authorization", authorization)] };
    }

    public static PrefectAnswer AnswerOf(RecordedRequest recorded) => recorded switch
    {
        { Answer: { } answer } => PrefectAnswer.Of(answer),
        { GivenUp: true } => PrefectAnswer.Never,
        _ => PrefectAnswer.Drop,
    };

    /// <summary>What differs in the client's answer from what it should be.</summary>
    public static IEnumerable<string> OfAnswer(RecordedRequest recorded, WireMessage answer) => recorded.Answer switch
    {
        // The server broke off, or it doesn't take the gate's own credential: for the client it is away for a moment.
        null or { Status: 401 } => answer.Status == 503 && answer.Header("retry-after") == "2" ? [] : [$"answered {answer.Start}, {answer.Header("retry-after")}, where the server is away"],
        { } expected => AllowedDifferences.OfAnswer(expected, answer, recorded.Method == "HEAD"),
    };
}
