using System.Collections.Frozen;

namespace Postern.Dev.IdentityProvider;

/// <summary>Who can log in to the embedded identity provider, as <c>postern-dev.yaml</c> says. Immutable: a change of the file makes a new one.</summary>
internal sealed record DevDirectory
{
    /// <summary>People, who log in on the login page.</summary>
    public required FrozenDictionary<string, DevUser> Users { get; init; }

    /// <summary>Services and agents, who get tokens by client credentials.</summary>
    public required FrozenDictionary<string, DevAccount> Accounts { get; init; }

    /// <summary>Programs that may send people to the login page.</summary>
    public required FrozenDictionary<string, DevClient> Clients { get; init; }
}

/// <summary>A person.</summary>
/// <param name="Name">What the login page's button says, and the <c>name</c> claim.</param>
/// <param name="Email">The <c>sub</c> and <c>email</c> claims: it names the person in policy, audit and history.</param>
/// <param name="EmailVerified">The <c>email_verified</c> claim. Default true.</param>
/// <param name="Groups">The <c>groups</c> claim.</param>
internal sealed record DevUser(string Name, string Email, bool EmailVerified, IReadOnlyList<string> Groups);

/// <summary>A program that acts as itself.</summary>
/// <param name="Id">The <c>client_id</c>, and the <c>sub</c> claim of its tokens.</param>
/// <param name="Secret">The <c>client_secret</c>.</param>
/// <param name="Kind">The <c>kind</c> claim: <c>service</c> (default) or <c>agent</c>.</param>
/// <param name="Groups">The <c>groups</c> claim.</param>
internal sealed record DevAccount(string Id, string Secret, string Kind, IReadOnlyList<string> Groups)
{
    /// <summary>The secret stays out.</summary>
    public override string ToString() => Id;
}

/// <summary>A public client of the authorization code flow: it has no secret, PKCE binds the code to who asked for it.</summary>
/// <param name="Id">The <c>client_id</c>.</param>
/// <param name="RedirectPath">Path of the one redirect address it may name, on any loopback port.</param>
internal sealed record DevClient(string Id, string RedirectPath);
