using Postern.Identity.Jwt;

namespace Postern.Tests.Identity.Jwt;

public sealed class KeySetSourceTests
{
    [Theory]
    [InlineData("https://issuer.example", "https://keys.example/keys", true)]
    [InlineData("https://issuer.example", "http://issuer.example/keys", false)]
    [InlineData("https://issuer.example", "http://127.0.0.1/keys", false)]
    [InlineData("https://localhost", "http://localhost/keys", false)]
    [InlineData("http://127.0.0.1:5000", "http://127.0.0.1:5001/keys", true)]
    [InlineData("http://localhost", "http://[::1]/keys", true)]
    [InlineData("http://127.0.0.1", "https://keys.example/keys", true)]
    [InlineData("http://127.0.0.1", "http://keys.example/keys", false)]
    [InlineData("http://127.0.0.1.evil.example", "http://127.0.0.1/keys", false)]
    [InlineData("http://localhost@evil.example", "http://127.0.0.1/keys", false)]
    [InlineData("http://127.0.0.1", "ftp://127.0.0.1/keys", false)]
    [InlineData("http://127.0.0.1", "file:///keys", false)]
    [InlineData("no address", "http://127.0.0.1/keys", false)]
    public void Address_OfKeys_IsTrusted_OverHttpsOrOnTheIssuersOwnHost(string issuer, string address, bool trusted) =>
        Assert.Equal(trusted, KeySetSource.IsTrusted(new Uri(address), issuer));
}
