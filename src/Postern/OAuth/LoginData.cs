using System.Text.Json.Serialization;

namespace Postern.OAuth;

/// <summary>What a client asked a login for.</summary>
internal sealed record LoginRequest
{
    public required string ClientId { get; init; }

    public IReadOnlyList<string> Scopes { get; set; } = [];

    public IReadOnlyList<string> Audiences { get; set; } = [];

    /// <summary>Where the client waits for the code; null for a device.</summary>
    public string? RedirectUri { get; init; }

    public string? State { get; init; }

    /// <summary>The client's PKCE challenge.</summary>
    public string? Challenge { get; init; }

    /// <summary>Id of the device's code; null for a client that waits itself.</summary>
    public string? Device { get; init; }

    public override string ToString() => ClientId;
}

/// <summary>A login on its way through the sign-in page or the identity provider, sealed, as the browser carries it: in the page's form, in <c>state</c>.</summary>
internal sealed record PendingLogin
{
    public required LoginRequest Request { get; init; }

    public required string Nonce { get; init; }

    /// <summary>The gate's own PKCE verifier towards the provider.</summary>
    public required string Verifier { get; init; }

    /// <summary>Hash of the cookie of the browser that began it.</summary>
    public required string Browser { get; init; }

    public required DateTimeOffset Until { get; init; }

    public override string ToString() => "pending login";
}

/// <summary>What stands behind an authorization code in the store.</summary>
internal sealed record LoginCode
{
    public required LoginRequest Request { get; init; }

    public required LoggedIn Login { get; init; }

    /// <summary>Id of the session that it begins: a code that comes twice ends it.</summary>
    public required string Session { get; init; }

    public override string ToString() => "login code";
}

/// <summary>What stands behind a device code in the store.</summary>
internal sealed record DeviceRequest
{
    public required LoginRequest Request { get; init; }

    /// <summary>The code that the device shows.</summary>
    public required string Code { get; init; }

    /// <summary>Where the device asked from: what the person who confirms is shown.</summary>
    public string? From { get; init; }

    /// <summary>Who confirmed it; null while nobody did.</summary>
    public LoggedIn? Login { get; init; }

    public bool IsDenied { get; init; }

    public override string ToString() => "device request";
}

/// <summary>Who has logged in for a device and is asked whether he means it; sealed, in the page's form.</summary>
internal sealed record DeviceConfirmation
{
    public required string Device { get; init; }

    public required LoggedIn Login { get; init; }

    public required string Browser { get; init; }

    public required DateTimeOffset Until { get; init; }

    public override string ToString() => "device confirmation";
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(PendingLogin))]
[JsonSerializable(typeof(LoginCode))]
[JsonSerializable(typeof(DeviceRequest))]
[JsonSerializable(typeof(DeviceConfirmation))]
internal sealed partial class LoginJson : JsonSerializerContext;
