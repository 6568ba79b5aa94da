using Postern.Configuration;
using Postern.Dev.IdentityProvider;

namespace Postern.Tests.Dev.IdentityProvider;

public sealed class DevDirectoryReaderTests
{
    [Theory]
    [InlineData("users: [{ name: a }]", "users[0].email: is required")]
    [InlineData("users: [{ name: a, email: a@x, emailVerified: maybe }]", "users[0].emailVerified: 'maybe' has no meaning here")]
    [InlineData("users: [{ name: a, email: a@x, groups: one }]", "users[0].groups: write a list of single values here")]
    [InlineData("users: [{ name: a, email: a@x }, { name: b, email: a@x }]", "users[1]: 'a@x' is there twice")]
    [InlineData("users: { a: b }", "users: write a list here")]
    [InlineData("accounts: [{ id: a }]", "accounts[0].secret: is required")]
    [InlineData("accounts: [{ id: a, secret: b, kind: human }]", "accounts[0].kind: 'human' has no meaning here")]
    [InlineData("clients: [{ id: a, redirectPath: callback }]", "clients[0].redirectPath: write a path")]
    [InlineData("acounts: []", "acounts: this key has no meaning; did you mean 'accounts'?")]
    [InlineData("[]", "write sections")]
    [InlineData("", "the file is empty")]
    public void Read_SomethingWrong_SaysWhereAndWhat(string yaml, string expected)
    {
        var problems = new Problems();

        Assert.Null(new DevDirectoryReader(problems).Read(yaml));

        Assert.Contains(problems.Found, p => p.ToString().Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Read_WhatMayBeLeftOut_HasItsDefault()
    {
        var read = new DevDirectoryReader(new Problems()).Read("users: [{ name: a, email: a@x }]\naccounts: [{ id: b, secret: c }]\nclients: [{ id: d }]\n")!;

        Assert.True(read.Users["a@x"].EmailVerified);
        Assert.Equal("service", read.Accounts["b"].Kind);
        Assert.Equal("/callback", read.Clients["d"].RedirectPath);
    }

    [Fact]
    public void Account_Printed_HidesItsSecret() => Assert.DoesNotContain("hush", $"{new DevAccount("a", "hush", "service", [])}", StringComparison.Ordinal);
}
