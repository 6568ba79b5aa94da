using Postern.OAuth;

namespace Postern.Tests.OAuth;

public sealed class AskedScopeTests
{
    [Fact]
    public void Scopes_OfBothKinds_AreRead()
    {
        var scope = AskedScope.Read(AskedScope.Split("namespace:payments  role:worker namespace:pay* namespace:payments"));

        Assert.Equal(["payments", "pay*"], scope.Namespaces);
        Assert.Equal(["worker"], scope.Roles);
        Assert.Empty(AskedScope.Split(null));
    }

    [Theory]
    [InlineData("admin")]
    [InlineData("namespace:")]
    [InlineData("Namespace:payments")]
    [InlineData("role:")]
    [InlineData("namespace:pay\u00e4")]
    [InlineData("namespace:a\"b")]
    public void Scope_ThatIsNone_IsRefused_RatherThanIgnored(string scope) => Assert.Equal("invalid_scope", Assert.Throws<OAuthException>(() => AskedScope.Read(AskedScope.Split(scope))).Code);

    [Fact]
    public void Scope_WithoutEnd_IsRefused() => Assert.Throws<OAuthException>(() => AskedScope.Split(string.Join(' ', Enumerable.Range(0, 51).Select(i => $"role:r{i}"))));
}
