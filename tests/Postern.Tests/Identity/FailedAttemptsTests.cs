using System.Net;
using Postern.Identity;
using Postern.Tests.Audit;

namespace Postern.Tests.Identity;

public sealed class FailedAttemptsTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Failures_BeyondTheBurst_ExhaustOneSourceOnly_AndDrainWithTime()
    {
        var attempts = new FailedAttempts(_time);
        Fail(attempts, "192.0.2.1", 50);

        Assert.True(Exhausted(attempts, "192.0.2.1"));
        Assert.True(Exhausted(attempts, "::ffff:192.0.2.1"));
        Assert.False(Exhausted(attempts, "192.0.2.2"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(Exhausted(attempts, "192.0.2.1"));
        Fail(attempts, "192.0.2.1", 5);
        Assert.True(Exhausted(attempts, "192.0.2.1"));
    }

    [Fact]
    public void Addresses_OfOneNetworkInIPv6_CountAsOne()
    {
        var attempts = new FailedAttempts(_time);
        for (var i = 0; i < 50; i++)
        {
            Fail(attempts, $"2001:db8:1:2::{i:x}", 1);
        }

        Assert.True(Exhausted(attempts, "2001:db8:1:2:ffff::1"));
        Assert.False(Exhausted(attempts, "2001:db8:1:3::1"));
    }

    [Fact]
    public void Sources_WithoutEnd_AreBounded()
    {
        var attempts = new FailedAttempts(_time);
        for (var i = 0; i < 30_000; i++)
        {
            Fail(attempts, $"10.{i / 65536}.{i / 256 % 256}.{i % 256}", 1);
        }

        Assert.InRange(attempts.Count, 1, 10_000);
    }

    private static void Fail(FailedAttempts attempts, string source, int times)
    {
        for (var i = 0; i < times; i++)
        {
            attempts.Add(IPAddress.Parse(source));
        }
    }

    private static bool Exhausted(FailedAttempts attempts, string source) => attempts.IsExhausted(IPAddress.Parse(source));
}
