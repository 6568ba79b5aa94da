using System.Text.Json.Serialization;
using Postern.Model;

namespace Postern.Admin;

// What the management API takes and gives. Everything that a client writes is read strictly: a member that isn't known is a mistake that would otherwise be
// taken for a setting. Members are set, not initialized: generated readers would give an init-only one that is left out null instead of its default.

/// <summary>POST /v1/accounts.</summary>
internal sealed record NewAccount
{
    /// <summary>Unique among accounts and users; never changes, since policy names it.</summary>
    public required string Name { get; set; }

    /// <summary><c>service</c> (default) or <c>agent</c>.</summary>
    public AccountKind Kind { get; set; }

    public string Description { get; set; } = "";

    public string Owner { get; set; } = "";

    public IReadOnlyDictionary<string, string> Labels { get; set; } = new Dictionary<string, string>();

    public IReadOnlyList<string> Namespaces { get; set; } = [];

    public IReadOnlyDictionary<string, IReadOnlyList<string>> Audiences { get; set; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Public keys that the account's signed assertions are known by (RFC 7523).</summary>
    public IReadOnlyList<PublicJwk> PublicKeys { get; set; } = [];

    public DateTimeOffset? ExpiresAt { get; set; }
}

/// <summary>PUT /v1/accounts/{name}: everything that can change, whole.</summary>
internal sealed record AccountChange
{
    public string Description { get; set; } = "";

    public string Owner { get; set; } = "";

    public IReadOnlyDictionary<string, string> Labels { get; set; } = new Dictionary<string, string>();

    public IReadOnlyList<string> Namespaces { get; set; } = [];

    public IReadOnlyDictionary<string, IReadOnlyList<string>> Audiences { get; set; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Public keys that the account's signed assertions are known by (RFC 7523).</summary>
    public IReadOnlyList<PublicJwk> PublicKeys { get; set; } = [];

    public DateTimeOffset? ExpiresAt { get; set; }

    public bool Disabled { get; set; }
}

/// <summary>A public key (RFC 7517) of the kinds that sign; a private part has no member to stand in.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record PublicJwk
{
    public required string Kty { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Kid { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Alg { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Use { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Crv { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? X { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Y { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? N { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? E { get; set; }
}

[JsonConverter(typeof(WordConverter<AccountKind>))]
internal enum AccountKind { Service, Agent }

/// <summary>An account as it is shown.</summary>
internal sealed record AccountView(
    string Id, string Name, AccountKind Kind, string Description, string Owner, IReadOnlyDictionary<string, string> Labels, IReadOnlyList<string> Namespaces,
    IReadOnlyDictionary<string, IReadOnlyList<string>> Audiences, IReadOnlyList<PublicJwk> PublicKeys, DateTimeOffset? ExpiresAt, bool Disabled, DateTimeOffset CreatedAt, string CreatedBy);

internal sealed record AccountPage(IReadOnlyList<AccountView> Items, string? Next);

/// <summary>POST /v1/accounts/{name}/keys.</summary>
internal sealed record NewKey
{
    public string Name { get; set; } = "";

    /// <summary>When it ends. Default: after <c>identity.accounts.keyLifetime</c>.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }

    /// <summary>Networks (CIDR) that it may come from.</summary>
    public IReadOnlyList<string> Sources { get; set; } = [];

    /// <summary>Patterns of namespaces that it is narrowed to.</summary>
    public IReadOnlyList<string> Namespaces { get; set; } = [];

    /// <summary>Roles that it is narrowed to.</summary>
    public IReadOnlyList<string> Roles { get; set; } = [];
}

/// <summary>POST /v1/keys/{id}/rotate.</summary>
internal sealed record Rotation
{
    /// <summary>Seconds for which the old key stays good. Default 86400, a day; 0 ends it at once.</summary>
    public int RetireAfterSeconds { get; set; } = 86_400;

    /// <summary>When the new key ends. Default: after <c>identity.accounts.keyLifetime</c>.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }
}

[JsonConverter(typeof(WordConverter<KeyState>))]
internal enum KeyState { Live, Expired, Revoked }

/// <summary>A key as it is shown: never its text, never its hash.</summary>
internal sealed record KeyView(
    string Id, string Account, string Name, KeyState State, DateTimeOffset CreatedAt, string CreatedBy, DateTimeOffset ExpiresAt, DateTimeOffset? RevokedAt, string? Replaces,
    IReadOnlyList<string> Sources, IReadOnlyList<string> Namespaces, IReadOnlyList<string> Roles, DateTimeOffset? LastUsedAt, string? LastUsedFrom);

internal sealed record KeyPage(IReadOnlyList<KeyView> Items, string? Next);

/// <summary>A key that was just made. The text is shown here and never again.</summary>
internal sealed record CreatedKey(KeyView Key, string Text);

/// <summary>What a rotation made, and what it retires.</summary>
internal sealed record RotatedKey(KeyView Key, string Text, KeyView Replaced);

/// <summary>POST /v1/users.</summary>
internal sealed record NewUser
{
    public required string Name { get; set; }

    public string DisplayName { get; set; } = "";

    public IReadOnlyList<string> Groups { get; set; } = [];

    public required string Password { get; set; }

    // A record prints every property.
    public override string ToString() => $"user {Name}";
}

/// <summary>PUT /v1/users/{name}.</summary>
internal sealed record UserChange
{
    public string DisplayName { get; set; } = "";

    public IReadOnlyList<string> Groups { get; set; } = [];

    public bool Disabled { get; set; }
}

/// <summary>PUT /v1/users/{name}/password.</summary>
internal sealed record NewPassword
{
    public required string Password { get; set; }

    public override string ToString() => "a password";
}

internal sealed record UserView(string Id, string Name, string DisplayName, IReadOnlyList<string> Groups, bool Disabled, DateTimeOffset CreatedAt, string CreatedBy);

internal sealed record UserPage(IReadOnlyList<UserView> Items, string? Next);

[JsonConverter(typeof(WordConverter<RevokedKind>))]
internal enum RevokedKind { Token, Session, Certificate, Caller }

/// <summary>POST /v1/revocations.</summary>
internal sealed record NewRevocation
{
    public required RevokedKind Kind { get; set; }

    /// <summary>A token's <c>jti</c>, a session's id, a certificate's issuer and serial, a caller's name (<c>okta/alice@example.com</c>).</summary>
    public required string Value { get; set; }

    /// <summary>When it would have ended by itself, and this may be forgotten. Default: kept until it is lifted.</summary>
    public DateTimeOffset? Until { get; set; }
}

internal sealed record RevocationView(RevokedKind Kind, string Value, DateTimeOffset At, DateTimeOffset? Until, string By);

internal sealed record RevocationPage(IReadOnlyList<RevocationView> Items, string? Next);

/// <summary>GET /v1/whoami.</summary>
internal sealed record WhoAmI(
    string Caller, string Kind, string Issuer, string Subject, string DisplayName, IReadOnlyList<string> Groups, string Credential, string? CredentialId, DateTimeOffset ExpiresAt,
    IReadOnlyList<IReadOnlyList<string>> NamespaceBounds, IReadOnlyList<string> RoleBounds, string PolicyVersion, IReadOnlyList<HeldRule> Bindings, IReadOnlyList<HeldRule> Denies,
    bool MayManageAccounts, bool MayManageKeys);

/// <summary>A rule of the policy that concerns the caller, in the policy's words.</summary>
internal sealed record HeldRule(string Rule, IReadOnlyList<string> What, string Scope, IReadOnlyDictionary<string, IReadOnlyList<string>> Where, IReadOnlyList<string> When);

/// <summary>POST /v1/bootstrap: an account, or a user with a password; either with a key.</summary>
internal sealed record Bootstrap
{
    public string Name { get; set; } = "admin";

    /// <summary>Makes a local user of this password. Default: a service account.</summary>
    public string? Password { get; set; }

    public override string ToString() => $"bootstrap of {Name}";
}

/// <summary>The first administrator, and what is still to be written into the policy for it.</summary>
internal sealed record Bootstrapped(string Caller, CreatedKey Key, string Binding);

/// <summary>RFC 9457.</summary>
internal sealed record ProblemBody(string Type, string Title, int Status, string Detail, string CallId, IReadOnlyList<FieldProblem>? Errors);

/// <summary>One member of a body that can't be taken.</summary>
internal sealed record FieldProblem(string Member, string Problem);

/// <summary>Words in small letters, and no numbers in their place.</summary>
internal sealed class WordConverter<T>() : JsonStringEnumConverter<T>(System.Text.Json.JsonNamingPolicy.CamelCase, allowIntegerValues: false)
    where T : struct, Enum;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true,
    AllowDuplicateProperties = false, MaxDepth = 8)]
[JsonSerializable(typeof(NewAccount))]
[JsonSerializable(typeof(AccountChange))]
[JsonSerializable(typeof(AccountView))]
[JsonSerializable(typeof(PublicJwk))]
[JsonSerializable(typeof(AccountPage))]
[JsonSerializable(typeof(NewKey))]
[JsonSerializable(typeof(Rotation))]
[JsonSerializable(typeof(KeyView))]
[JsonSerializable(typeof(KeyPage))]
[JsonSerializable(typeof(CreatedKey))]
[JsonSerializable(typeof(RotatedKey))]
[JsonSerializable(typeof(NewUser))]
[JsonSerializable(typeof(UserChange))]
[JsonSerializable(typeof(NewPassword))]
[JsonSerializable(typeof(UserView))]
[JsonSerializable(typeof(UserPage))]
[JsonSerializable(typeof(NewRevocation))]
[JsonSerializable(typeof(RevocationView))]
[JsonSerializable(typeof(RevocationPage))]
[JsonSerializable(typeof(WhoAmI))]
[JsonSerializable(typeof(Bootstrap))]
[JsonSerializable(typeof(Bootstrapped))]
[JsonSerializable(typeof(ProblemBody))]
internal sealed partial class ManagementJson : JsonSerializerContext;
