using System.Text;
using System.Text.Json;
using Postern.Model;

namespace Postern.Engines.Prefect;

/// <summary>
/// A refusal in Prefect's own shape, which its clients and its UI read (docs/refusals.md): a status, and <c>{"detail": …}</c> with the text and the call's id.
/// Nothing of the gate's that is only passing may answer 401, 403, 500 or 504: a flow that ends meanwhile would stay RUNNING for ever.
/// </summary>
internal static class PrefectRefusal
{
    /// <summary>What a client is told to wait, in seconds: without it one refused call blocks a Prefect client for two minutes.</summary>
    public const int Patience = 2;

    /// <summary>The HTTP status.</summary>
    /// <param name="reason">The reason.</param>
    /// <param name="isWorkers">Whether the call is a worker's or a runner's own: six answers of 429 end those.</param>
    public static int Status(RefusalReason reason, bool isWorkers) => reason switch
    {
        RefusalReason.Unauthenticated => 401,
        RefusalReason.NotAllowed => 403,
        RefusalReason.UnknownOperation => 404,
        RefusalReason.Unreadable => 422,
        RefusalReason.TooLarge => 413,
        RefusalReason.Limited when !isWorkers => 429,
        _ => 503,
    };

    /// <summary>The value of <c>Retry-After</c>; null where there is nothing to wait for.</summary>
    public static int? RetryAfter(Refusal refusal) => refusal.Reason switch
    {
        RefusalReason.Unauthenticated or RefusalReason.NotAllowed or RefusalReason.UnknownOperation or RefusalReason.Unreadable or RefusalReason.TooLarge => null,
        // Whole seconds, at least one: with 0 a client hammers.
        RefusalReason.Limited when refusal.RetryAfter is { } after => Math.Max(1, (int)Math.Ceiling(after.TotalSeconds)),
        RefusalReason.Limited => 1,
        _ => Patience,
    };

    /// <summary>The body.</summary>
    public static byte[] Body(Refusal refusal, string callId)
    {
        var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("detail"u8, Text(refusal, callId));
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    /// <summary>The text as people see it.</summary>
    public static string Text(Refusal refusal, string callId) => new StringBuilder(refusal.Text).Append(" [call ").Append(callId).Append(']').ToString();
}
