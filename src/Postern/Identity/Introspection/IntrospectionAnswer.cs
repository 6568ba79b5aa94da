using System.Text.Json;

namespace Postern.Identity.Introspection;

/// <summary>What came of asking about a token: that it is active and what it means, that it isn't, or nothing.</summary>
/// <param name="Claims">The answer; null where the token isn't active, or there is no answer.</param>
/// <param name="Failure">Why there is no answer, for the log; null where there is one.</param>
internal sealed record IntrospectionAnswer(JsonElement? Claims, string? Failure)
{
    public static IntrospectionAnswer Inactive { get; } = new(null, null);

    public static IntrospectionAnswer None(string why) => new(null, why);

    /// <summary>Reads a body. What isn't exactly an answer is none: a page of a proxy is no verdict on anybody.</summary>
    public static IntrospectionAnswer Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            return StrictJson.ReadObject(body) is not { } claims || !claims.TryGetProperty("active", out var active) ? None("the answer has no 'active'")
                : active.ValueKind switch
                {
                    JsonValueKind.True => new IntrospectionAnswer(claims, null),
                    JsonValueKind.False => Inactive,
                    _ => None("'active' is neither true nor false"),
                };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return None("the answer can't be read as JSON with certainty");
        }
    }
}
