using Postern.OAuth;

namespace Postern.Tests.OAuth;

public sealed class SessionPathsTests
{
    [Theory]
    [InlineData("/.postern", true)]
    [InlineData("/.postern/", true)]
    [InlineData("/.postern/login?return=/", true)]
    [InlineData("/.postern?x", true)]
    [InlineData("/.posternx", false)]
    [InlineData("/.Postern/", false)]
    [InlineData("//.postern/", false)]
    [InlineData("/", false)]
    public void Paths_OfTheGate(string target, bool isOwn) => Assert.Equal(isOwn, SessionPaths.Has(target));

    [Theory]
    [InlineData("/v2/runs?page=2&x=%2F", "/v2/runs?page=2&x=%2F")]
    [InlineData("/.postern/", "/.postern/")]
    [InlineData(null, "/")]
    [InlineData("", "/")]
    [InlineData("//evil.example.com", "/")]
    [InlineData("/\\evil.example.com", "/")]
    [InlineData("https://evil.example.com/", "/")]
    [InlineData("evil.example.com", "/")]
    [InlineData("/a b", "/")]
    [InlineData("/a\tb", "/")]
    [InlineData("/ä", "/")]
    [InlineData("/.postern/logout", "/")]
    [InlineData("/.postern/login?return=/", "/")]
    public void WayBack_IsAPathOfThePages(string? asked, string way) => Assert.Equal(way, SessionPaths.ReturnTo(asked));

    [Fact]
    public void WayBack_ThatIsTooLong_IsTheRoot() => Assert.Equal("/", SessionPaths.ReturnTo("/" + new string('a', 600)));
}
