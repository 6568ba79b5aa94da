using Postern.Admin;
using Postern.Model;

namespace Postern.Tests.Admin;

public sealed class OwnKeyTests
{
    [Theory]
    [InlineData("payments", true)]
    [InlineData("pay-one", true)]
    [InlineData("pay-*", true)]
    [InlineData("pay-o*", false)]
    [InlineData("pay*", false)]
    [InlineData("*", false)]
    [InlineData("payroll", false)]
    public void Namespaces_MustBeWithinThoseHeld(string wanted, bool isWithin)
    {
        var (_, refused) = OwnKey.Narrow(new NewKey { Namespaces = [wanted] }, Held(namespaces: ["payments", "pay-*"]));

        Assert.Equal(isWithin, refused is null);
    }

    [Theory]
    [InlineData("10.0.0.0/8", true)]
    [InlineData("10.1.0.0/16", true)]
    [InlineData("0.0.0.0/0", false)]
    [InlineData("11.0.0.0/16", false)]
    [InlineData("10.0.0.0/7", false)]
    [InlineData("::/0", false)]
    [InlineData("2001:db8:1::/48", true)]
    public void Sources_MustBeInsideThoseHeld(string wanted, bool isInside)
    {
        var (_, refused) = OwnKey.Narrow(new NewKey { Sources = [wanted] }, Held(sources: ["10.0.0.0/8", "2001:db8::/32"]));

        Assert.Equal(isInside, refused is null);
    }

    [Fact]
    public void WhatIsNotNamed_IsTakenOver()
    {
        var (key, refused) = OwnKey.Narrow(new NewKey(), Held(["10.0.0.0/8"], ["payments"], ["worker"]));

        Assert.Null(refused);
        Assert.Equal(["10.0.0.0/8"], key.Sources);
        Assert.Equal(["payments"], key.Namespaces);
        Assert.Equal(["worker"], key.Roles);
    }

    [Fact]
    public void KeyThatIsNotNarrowed_MayMakeAnyNarrowing()
    {
        var (key, refused) = OwnKey.Narrow(new NewKey { Namespaces = ["*"], Roles = ["admin"], Sources = ["0.0.0.0/0"] }, Held());

        Assert.Null(refused);
        Assert.Equal(["admin"], key.Roles);
        Assert.False(OwnKey.IsNarrowed(Held()));
        Assert.True(OwnKey.IsNarrowed(Held(roles: ["worker"])));
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("0", true)]
    [InlineData("a.b_c-d", true)]
    [InlineData("", false)]
    [InlineData(".a", false)]
    [InlineData("-a", false)]
    [InlineData("_a", false)]
    [InlineData("A", false)]
    [InlineData("ä", false)]
    [InlineData("a b", false)]
    [InlineData("a/b", false)]
    [InlineData("a*", false)]
    public void Name_IsOfTheLettersThatPolicyCanWrite(string name, bool isName)
    {
        Assert.Equal(isName, FieldChecks.IsName(name));
        Assert.True(FieldChecks.IsName(new string('a', 63)));
        Assert.False(FieldChecks.IsName(new string('a', 64)));
    }

    private static ApiKey Held(string[]? sources = null, string[]? namespaces = null, string[]? roles = null) => new()
    {
        Id = "key", OwnerId = "acc_1", Hash = [], CreatedAt = DateTimeOffset.UnixEpoch, CreatedBy = "test/root", ExpiresAt = DateTimeOffset.UnixEpoch,
        Sources = [.. sources ?? []], Namespaces = [.. namespaces ?? []], Roles = [.. roles ?? []],
    };
}
