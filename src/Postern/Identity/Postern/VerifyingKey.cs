using Microsoft.IdentityModel.Tokens;

namespace Postern.Identity.Postern;

/// <summary>A key of the gate's own by which its tokens are known again.</summary>
/// <param name="Key">The key.</param>
/// <param name="IsWithdrawn">Whether it is no longer published: nothing that it signed counts from then on.</param>
internal sealed record VerifyingKey(SecurityKey Key, Func<bool> IsWithdrawn);

/// <summary>Holds while the key is published.</summary>
internal sealed class PublishedLease(VerifyingKey key) : Lease
{
    public override LeaseEnd Ended => key.IsWithdrawn() ? LeaseEnd.Revoked : LeaseEnd.None;

    public override bool Holds(DateTimeOffset now) => !key.IsWithdrawn();
}
