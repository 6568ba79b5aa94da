using Postern.Identity;
using Postern.Model;
using Postern.Policy;
using Postern.Tokens;

namespace Postern.Pipeline;

/// <summary>
/// What is made once for a verified token and used by each of its calls: the caller's compiled policy and the tokens minted for it. A new policy makes a new one.
/// </summary>
internal sealed class CallerState(CallerPolicy policy, PolicySet madeFrom, OpenCalls openCalls)
{
    private Presented? _presented;

    /// <summary>What is kept for a token, made anew where the policy is another one.</summary>
    public static CallerState Of(VerifiedToken token, PolicySet policy, LimitStage limits)
    {
        if (token.Attached<CallerState>() is { } known && ReferenceEquals(known.MadeFrom, policy))
        {
            return known;
        }

        var state = new CallerState(policy.For(token.Caller), policy, limits.For(token.Caller.Name));
        token.Attach(state);
        return state;
    }

    public CallerPolicy Policy => policy;

    public PolicySet MadeFrom => madeFrom;

    public OpenCalls OpenCalls => openCalls;

    /// <summary>The header value for a grant: the last one again where it still serves, since a worker asks for the same grant all day.</summary>
    public string CredentialFor(TemporalEngine engine, UpstreamTokenMinter minter, Caller caller, string grant, DateTimeOffset now)
    {
        var last = Volatile.Read(ref _presented);
        if (last is null || !ReferenceEquals(last.Engine, engine) || now >= last.Token.RenewAt || !string.Equals(last.Grant, grant, StringComparison.Ordinal))
        {
            last = new Presented(engine, grant, minter.For(caller, grant));
            Volatile.Write(ref _presented, last);
        }

        return last.Token.Header;
    }

    private sealed record Presented(TemporalEngine Engine, string Grant, MintedToken Token);
}
