using Postern.Model;

namespace Postern.Policy;

/// <summary>
/// Whose a name is that is written without its issuer. Accounts and agents are the gate's own where it keeps any; everybody else belongs to the one issuer that
/// is configured. Where two could be meant, nobody is.
/// </summary>
internal static class IssuerNames
{
    /// <param name="issuers">Every issuer whose names there are, the gate's own among them where it keeps accounts.</param>
    /// <param name="isAccount">Whether an account or an agent is named.</param>
    /// <returns>The issuer, or null where the name says too little.</returns>
    public static string? Meant(IReadOnlyList<string> issuers, bool isAccount)
    {
        var own = issuers.Contains(Caller.OwnIssuer);
        if (own && (isAccount || issuers.Count == 1))
        {
            return Caller.OwnIssuer;
        }

        return issuers.Count - (own ? 1 : 0) == 1 ? issuers.First(name => name != Caller.OwnIssuer) : null;
    }
}
