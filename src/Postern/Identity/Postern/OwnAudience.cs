namespace Postern.Identity.Postern;

/// <summary>The audiences of the gate's own tokens: one per engine, <c>‹issuer›/‹engine›</c>. Everything below the issuer is the gate's, and nobody else's API.</summary>
internal static class OwnAudience
{
    public static string Of(string issuer, string engine) => $"{issuer}/{engine}";

    public static bool IsOwn(string issuer, string audience) => audience == issuer || audience.StartsWith(issuer + "/", StringComparison.Ordinal);

    /// <summary>The engine's name; null for an audience that is none of the gate's.</summary>
    public static string? EngineOf(string issuer, string audience) =>
        audience.Length > issuer.Length + 1 && audience.StartsWith(issuer + "/", StringComparison.Ordinal) ? audience[(issuer.Length + 1)..] : null;
}
