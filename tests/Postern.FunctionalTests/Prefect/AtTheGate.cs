namespace Postern.FunctionalTests.Prefect;

/// <summary>What is sent to the gate for a recorded exchange, and what the server behind it answers.</summary>
internal static class AtTheGate
{
    /// <summary>The one recorded request of HTTP/1.0; the recordings don't say so themselves.</summary>
    private const string OldVersion = "http/bodies-and-headers#21";

    /// <summary>Not requests: the preface of HTTP/2, which the recorder read as two. On the gate's ports it is the start of HTTP/2.</summary>
    public static bool IsNoRequest(RecordedExchange exchange) => exchange.Method is "PRI" or "SM";

    public static WireMessage RequestOf(RecordedExchange exchange) =>
        new($"{exchange.Method} {exchange.Target} {(exchange.ToString().StartsWith(OldVersion, StringComparison.Ordinal) ? "HTTP/1.0" : "HTTP/1.1")}", exchange.Headers, (exchange as RecordedRequest)?.Body ?? []);

    public static PrefectAnswer AnswerOf(RecordedRequest recorded) => recorded switch
    {
        { Answer: { } answer } => PrefectAnswer.Of(answer),
        { GivenUp: true } => PrefectAnswer.Never,
        _ => PrefectAnswer.Drop,
    };
}
