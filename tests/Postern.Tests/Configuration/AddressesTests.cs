using Postern.Configuration;

namespace Postern.Tests.Configuration;

public sealed class AddressesTests
{
    [Theory]
    [InlineData("0.0.0.0:7233", "0.0.0.0:7233")]
    [InlineData("127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("[::]:7233", "[::]:7233")]
    [InlineData("[::1]:65535", "[::1]:65535")]
    public void TryParseListen_AddressAndPort_IsRead(string text, string expected)
    {
        Assert.True(Addresses.TryParseListen(text, out var endPoint));
        Assert.Equal(expected, endPoint.ToString());
    }

    [Theory]
    [InlineData("7233")]
    [InlineData(":7233")]
    [InlineData("localhost:7233")]
    [InlineData("127.0.0.1")]
    [InlineData("127.1:7233")]
    [InlineData("1:7233")]
    [InlineData("0x7f000001:7233")]
    [InlineData("::1:7233")]
    [InlineData("[127.0.0.1]:7233")]
    [InlineData("127.0.0.1:65536")]
    [InlineData("127.0.0.1:-1")]
    [InlineData("127.0.0.1: 7233")]
    [InlineData("http://127.0.0.1:7233")]
    [InlineData("")]
    public void TryParseListen_AnythingElse_IsRefused(string text) => Assert.False(Addresses.TryParseListen(text, out _));

    [Theory]
    [InlineData("temporal-frontend:7233", "temporal-frontend", 7233)]
    [InlineData("temporal.ns.svc.cluster.local:7233", "temporal.ns.svc.cluster.local", 7233)]
    [InlineData("10.1.2.3:7233", "10.1.2.3", 7233)]
    [InlineData("[fd00::1]:7233", "fd00::1", 7233)]
    public void TryParseUpstream_HostAndPort_IsRead(string text, string host, int port)
    {
        Assert.True(Addresses.TryParseUpstream(text, out var readHost, out var readPort));
        Assert.Equal((host, port), (readHost, readPort));
    }

    [Theory]
    [InlineData("temporal")]
    [InlineData("temporal:0")]
    [InlineData("https://temporal:7233")]
    [InlineData("dns:///temporal:7233")]
    [InlineData("user@temporal:7233")]
    [InlineData("temporal:7233/path")]
    [InlineData("tem poral:7233")]
    [InlineData("[fd00::g]:7233")]
    public void TryParseUpstream_AnythingElse_IsRefused(string text) => Assert.False(Addresses.TryParseUpstream(text, out _, out _));
}
