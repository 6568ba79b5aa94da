using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Postern.Identity.Session;

namespace Postern.Tests.Identity.Session;

public sealed class SessionCookiesTests
{
    private const string Origin = "https://prefect.example.com";

    [Theory]
    [InlineData("__Host-postern=a", "a")]
    [InlineData("x=1; __Host-postern=a; y=2", "a")]
    [InlineData("x=1;__Host-postern=a=b", "a=b")]
    [InlineData("__Host-postern=", "")]
    [InlineData("x__Host-postern=a", null)]
    [InlineData("__host-postern=a", null)]
    [InlineData("__Host-postern", null)]
    [InlineData("__Host-postern-login=a", null)]
    [InlineData("postern=a", null)]
    [InlineData("", null)]
    public void Cookie_IsReadByItsWholeName(string header, string? value)
    {
        Assert.True(SessionCookies.TryRead(header, Origin, out var text));
        Assert.Equal(value, text);
    }

    [Theory]
    [InlineData("__Host-postern=a; __Host-postern=b")]
    [InlineData("__Host-postern=a; x=1; __Host-postern=a")]
    public void SeveralOfTheName_AreNotRead(string header)
    {
        Assert.False(SessionCookies.TryRead(header, Origin, out _));
        Assert.False(SessionCookies.TryRead(new StringValues(header.Split("; ")), Origin, out _));
    }

    [Fact]
    public void HeaderPastAllMeasure_IsNotRead()
    {
        Assert.False(SessionCookies.TryRead("x=" + new string('y', 17_000) + "; __Host-postern=a", Origin, out _));
        Assert.False(SessionCookies.TryRead(new StringValues([.. Enumerable.Repeat("x=" + new string('y', 1000), 20)]), Origin, out _));
    }

    [Fact]
    public void Cookie_IsSecureAndOfItsHost_ButForClearTextOnThisMachine()
    {
        Assert.Equal("__Host-postern=a; Path=/; Secure; HttpOnly; SameSite=Lax", SessionCookies.Write(Origin, "a"));
        Assert.Equal("postern=a; Path=/; HttpOnly; SameSite=Lax", SessionCookies.Write("http://127.0.0.1:8080", "a"));
        Assert.Equal("__Host-postern=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax", SessionCookies.Clear(Origin));
    }

    [Theory]
    [InlineData("GET", false, "cross-site", "https://evil.example.com", true)]
    [InlineData("HEAD", false, null, null, true)]
    [InlineData("OPTIONS", false, "cross-site", null, true)]
    [InlineData("POST", false, "same-origin", null, true)]
    [InlineData("POST", false, null, Origin, true)]
    [InlineData("POST", false, "same-origin", Origin, true)]
    [InlineData("POST", false, null, null, false)]
    [InlineData("POST", false, "same-site", Origin, false)]
    [InlineData("POST", false, "none", null, false)]
    [InlineData("POST", false, "same-origin", "null", false)]
    [InlineData("POST", false, null, "null", false)]
    [InlineData("POST", false, null, "https://prefect.example.com:8443", false)]
    [InlineData("POST", false, null, "http://prefect.example.com", false)]
    [InlineData("POST", false, null, "https://prefect.example.com.evil.com", false)]
    [InlineData("POST", false, "Same-Origin", null, false)]
    [InlineData("post", false, "cross-site", null, false)]
    [InlineData("QUERY", false, "cross-site", null, false)]
    [InlineData("DELETE", false, "", null, false)]
    [InlineData("GET", true, null, null, false)]
    [InlineData("GET", true, "cross-site", Origin, false)]
    [InlineData("GET", true, null, "https://evil.example.com", false)]
    [InlineData("GET", true, null, Origin, true)]
    public void Request_OfAnotherSite_DoesNotCount(string method, bool isUpgrade, string? site, string? origin, bool counts)
    {
        var headers = new HeaderDictionary();
        if (site is not null)
        {
            headers["Sec-Fetch-Site"] = site;
        }

        if (origin is not null)
        {
            headers["Origin"] = origin;
        }

        Assert.Equal(counts, SameOrigin.Problem(method, isUpgrade, Origin, headers) is null);
    }

    [Fact]
    public void Origin_SaidTwice_DoesNotCount()
    {
        Assert.NotNull(SameOrigin.Problem("POST", false, Origin, new HeaderDictionary { ["Origin"] = new StringValues([Origin, Origin]) }));
        Assert.NotNull(SameOrigin.Problem("POST", false, Origin, new HeaderDictionary { ["Sec-Fetch-Site"] = new StringValues(["same-origin", "cross-site"]) }));
    }
}
