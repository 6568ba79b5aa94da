using Postern.Admin;
using Postern.Model;

namespace Postern.Tests.Admin;

public sealed class ManagementRouteTests
{
    private static readonly ManagementRoute Route = new("GET", "/v1/revocations/{kind}/{value}", "X", Permission.KeyManage, "", _ => Task.FromResult(ManagementAnswer.NoContent()));

    [Theory]
    [InlineData("v1/revocations/caller/okta%2Falice", "caller", "okta/alice")]
    [InlineData("v1/revocations/caller/a%252Fb", "caller", "a%2Fb")]
    [InlineData("v1/revocations/token/%E2%82%AC", "token", "€")]
    public void Matches_DecodesNamesOnce(string target, string kind, string value)
    {
        Assert.True(Route.Matches(target.Split('/'), out var values));
        Assert.Equal((kind, value), (values["kind"], values["value"]));
    }

    [Theory]
    [InlineData("v1/revocations")]
    [InlineData("v1/revocations/caller/")]
    [InlineData("v1/revocations//x")]
    [InlineData("v1/revocations/caller/okta/alice")]
    [InlineData("V1/revocations/caller/x")]
    [InlineData("v1/%72evocations/caller/x")]
    public void Matches_AnythingElse_IsNot(string target) => Assert.False(Route.Matches(target.Split('/'), out _));

    [Fact]
    public void Page_FollowsTheKey_NotThePlace()
    {
        var (first, next) = new Page(null, 2).Of(["c", "a", "b", "e"], key => key);
        Assert.Equal(["a", "b"], first);
        Assert.NotNull(next);

        var (second, last) = new Page("b", 2).Of(["c", "aa", "e"], key => key);
        Assert.Equal(["c", "e"], second);
        Assert.Null(last);
    }

    [Fact]
    public void Operations_HaveNamesOfTheirOwn_AndNoTwoRowsAreOneCall()
    {
        Assert.Equal(ManagementRoutes.All.Count, ManagementRoutes.All.DistinctBy(route => route.Operation).Count());
        Assert.Equal(ManagementRoutes.All.Count, ManagementRoutes.All.DistinctBy(route => (route.Method, route.Path)).Count());
    }
}
