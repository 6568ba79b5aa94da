using Postern.Configuration;

namespace Postern.Identity;

/// <summary>The gate's own accounts, agents, local users and their keys.</summary>
[OneWord(nameof(Enabled))]
internal sealed record AccountsOptions
{
    /// <summary>Whether the gate keeps accounts. Default true where the section is written; <c>accounts: enabled</c> takes every default.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>How long a new key lives unless it is told otherwise. Default 90d; 1h to 730d.</summary>
    [Between("1h", "730d")]
    public TimeSpan KeyLifetime { get; init; } = TimeSpan.FromDays(90);

    /// <summary>The longest life that a key may be given. Default 730d; 1h to 730d.</summary>
    [Between("1h", "730d")]
    public TimeSpan LongestKeyLifetime { get; init; } = TimeSpan.FromDays(730);

    /// <summary>Live keys that one account may have. Default 20; 2 to 1000, since a rotation needs two.</summary>
    [Between("2", "1000")]
    public int KeysPerAccount { get; init; } = 20;
}

/// <summary>Which kinds of credential some namespaces, or Prefect servers, take. Where several entries match one, each must accept.</summary>
internal sealed record NamespaceCredentialOptions
{
    /// <summary>Namespaces (globs) that it is about. Required where <c>prefect</c> names no server.</summary>
    public IReadOnlyList<string> Temporal { get; init; } = [];

    /// <summary>Prefect servers (globs over their engines' names) that it is about. Required where <c>temporal</c> names no namespace.</summary>
    public IReadOnlyList<string> Prefect { get; init; } = [];

    /// <summary>
    /// What they take: <c>keys</c>, <c>certificates</c>, <c>federated</c>, <c>postern</c> (tokens that the gate issued), <c>break-glass</c>, or the name of an
    /// entry of issuers or introspection. Required.
    /// </summary>
    [Required("[certificates, okta]")]
    public IReadOnlyList<string> Accept { get; init; } = [];
}
