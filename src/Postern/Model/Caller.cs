using System.Collections.Immutable;
using System.Text.Json;

namespace Postern.Model;

internal enum CallerKind : byte { Human, Service, Agent }

/// <summary>Who is calling, as verified. Immutable; one instance per verified token, so that what is compiled for it can hang from it.</summary>
internal sealed class Caller
{
    public required CallerKind Kind { get; init; }

    /// <summary>Name of the issuer as configured (<c>okta</c>), not its URL.</summary>
    public required string Issuer { get; init; }

    /// <summary>The subject as the issuer's configured claim gives it.</summary>
    public required string Subject { get; init; }

    /// <summary>The one canonical form, used in audit, stamp and minted token alike: <c>okta/alice@example.com</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What people read: <c>alice@example.com</c>. Never used to decide.</summary>
    public required string DisplayName { get; init; }

    /// <summary>Group names as the issuer gave them, without the issuer's name.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>The name in the client certificate that the caller proved, for <c>certificate:</c> in policy; null where it proved none.</summary>
    public string? Certificate { get; init; }

    /// <summary>All claims of the verified token, for <c>claim:path=glob</c> in policy. Never printed.</summary>
    public JsonElement Claims { get; init; }

    /// <summary>Token id (<c>jti</c>), if any.</summary>
    public string? TokenId { get; init; }

    /// <summary>Session id (<c>sid</c>), if any.</summary>
    public string? SessionId { get; init; }

    /// <summary>Key id that verified the token, if any.</summary>
    public string? KeyId { get; init; }

    /// <summary>Who acts for this caller (RFC 8693 <c>act</c>), outermost first.</summary>
    public ImmutableArray<string> Actors { get; init; } = [];

    /// <summary>When the credential ends.</summary>
    public DateTimeOffset ExpiresAt { get; init; }

    public override string ToString() => Name;
}
