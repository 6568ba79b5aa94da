using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Model;

namespace Postern.Tests.Identity.Accounts;

public sealed class RevocationsTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(RevocationKind.Token, "t", true)]
    [InlineData(RevocationKind.Family, "f", true)]
    [InlineData(RevocationKind.Certificate, "c", true)]
    [InlineData(RevocationKind.Caller, "okta/alice", true)]
    [InlineData(RevocationKind.Token, "f", false)]
    [InlineData(RevocationKind.Family, "t", false)]
    [InlineData(RevocationKind.Caller, "okta/bob", false)]
    public void Lease_EndsWithWhatItRestsOn_AndNothingElse(object kind, string value, bool ends)
    {
        var revocations = new Revocations();
        var lease = new RevocationLease(revocations) { TokenId = "t", Family = "f", Certificate = "c", Caller = "okta/alice", Issued = Noon };
        Assert.True(lease.Holds(Noon));

        revocations.Apply(Changes(new Revocation((RevocationKind)kind, value, Noon.AddMinutes(1), null, "test/root")));

        Assert.Equal(!ends, lease.Holds(Noon));
        Assert.Equal(ends ? LeaseEnd.Revoked : LeaseEnd.None, lease.Ended);
    }

    [Theory]
    [InlineData(-1, true)]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(null, true)]
    public void Caller_LosesWhatWasIssuedBefore(int? minutes, bool ends)
    {
        var revocations = new Revocations();
        revocations.Apply(Changes(new Revocation(RevocationKind.Caller, "okta/alice", Noon, null, "test/root")));

        Assert.Equal(ends, revocations.IsCallerRevoked("okta/alice", minutes is { } m ? Noon.AddMinutes(m) : null));
    }

    [Fact]
    public void Lifted_HoldsAgain()
    {
        var revocations = new Revocations();
        var lease = new RevocationLease(revocations) { TokenId = "t", Caller = "okta/alice" };
        var revocation = new Revocation(RevocationKind.Token, "t", Noon, null, "test/root");
        revocations.Apply(Changes(revocation));
        Assert.False(lease.Holds(Noon));

        revocations.Apply(Changes() with { Deletions = [new StoreDeletion(StoredKind.Revocation, revocation.Id)] });

        Assert.True(lease.Holds(Noon));
    }

    [Fact]
    public void Sweep_ForgetsWhatHasEndedByItself()
    {
        var revocations = new Revocations();
        revocations.Apply(Changes(
            new Revocation(RevocationKind.Token, "past", Noon, Noon.AddMinutes(1), "test/root"), new Revocation(RevocationKind.Token, "never", Noon, null, "test/root")));

        revocations.Sweep(Noon.AddMinutes(2));

        Assert.Equal((1, true), (revocations.Count, revocations.IsRevoked(RevocationKind.Token, "never")));
    }

    private static StoreChanges Changes(params Revocation[] revocations) => new() { Revision = new StoreRevision("s", 1), IsWhole = false, Revocations = revocations };
}
