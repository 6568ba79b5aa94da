namespace Postern.Dev.Engine.Authorization;

/// <summary>Roles as the server counts them: bits, compared as numbers.</summary>
[Flags]
internal enum Role
{
    None = 0,
    Worker = 1,
    Reader = 2,
    Writer = 4,
    Admin = 8,
}

/// <summary>What a token says.</summary>
/// <param name="Subject">Who.</param>
/// <param name="System">The role on the whole cluster.</param>
/// <param name="Namespaces">Roles by namespace.</param>
internal sealed record Claims(string Subject, Role System, IReadOnlyDictionary<string, Role> Namespaces)
{
    public Role On(string namespaceName) => System | Namespaces.GetValueOrDefault(namespaceName);
}
