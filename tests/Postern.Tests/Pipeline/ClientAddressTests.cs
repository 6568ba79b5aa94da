using System.Net;
using Microsoft.AspNetCore.Http;
using Postern.Pipeline;

namespace Postern.Tests.Pipeline;

public sealed class ClientAddressTests
{
    private static readonly IPNetwork[] Trusted = [IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("fd00::/8")];

    [Theory]
    [InlineData("192.0.2.1", "198.51.100.7", "192.0.2.1")] // not a proxy: its word is nobody's
    [InlineData("10.0.0.1", "198.51.100.7", "198.51.100.7")]
    [InlineData("10.0.0.1", "198.51.100.7, 203.0.113.9", "203.0.113.9")] // what stands before was written by the client
    [InlineData("10.0.0.1", "198.51.100.7,10.0.0.2 , 10.0.0.3", "198.51.100.7")]
    [InlineData("10.0.0.1", "10.0.0.2", "10.0.0.2")]
    [InlineData("10.0.0.1", "", "10.0.0.1")]
    [InlineData("10.0.0.1", "unknown", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.7, unknown, 10.0.0.2", "10.0.0.2")]
    [InlineData("10.0.0.1", "1", "10.0.0.1")]
    [InlineData("10.0.0.1", "[", "10.0.0.1")]
    [InlineData("10.0.0.1", "198.51.100.7:4711", "198.51.100.7")]
    [InlineData("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1")]
    [InlineData("10.0.0.1", "2001:db8::1", "2001:db8::1")]
    [InlineData("10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7")]
    [InlineData("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7")]
    [InlineData("fd00::1", "198.51.100.7", "198.51.100.7")]
    public void Of_PeerAndHeader_GivesTheFirstAddressFromTheRightThatIsNoProxy(string peer, string header, string client)
    {
        var headers = new HeaderDictionary { ["X-Forwarded-For"] = header };
        Assert.Equal(IPAddress.Parse(client), ClientAddress.Of(IPAddress.Parse(peer), headers, Trusted));
    }

    [Fact]
    public void Of_SeveralHeaders_AreOneList()
    {
        var headers = new HeaderDictionary { ["X-Forwarded-For"] = new string[] { "198.51.100.7", "203.0.113.9, 10.0.0.2" } };
        Assert.Equal(IPAddress.Parse("203.0.113.9"), ClientAddress.Of(IPAddress.Parse("10.0.0.1"), headers, Trusted));
    }

    [Fact]
    public void Of_NoTrustedProxies_TakesThePeer()
    {
        var headers = new HeaderDictionary { ["X-Forwarded-For"] = "198.51.100.7" };
        Assert.Equal(IPAddress.Parse("10.0.0.1"), ClientAddress.Of(IPAddress.Parse("10.0.0.1"), headers, []));
    }
}
