using Microsoft.AspNetCore.Http;
using Postern.Engines.Prefect;
using Postern.Pipeline.Prefect;

namespace Postern.Tests.Pipeline.Prefect;

/// <summary>How long an answer holds for others, if it does.</summary>
public sealed class PrefectCacheTests
{
    [Fact]
    public void Operations_AreThoseOfTheCatalogue_AndReadNothing() =>
        Assert.All(PrefectCache.Operations, operation => Assert.True(PrefectRoutes.All.Single(route => route.Operation == operation) is { Method: "GET", IsForAnyCaller: true }, operation));

    [Theory]
    [InlineData("openapi", 200, "", "", 60)]
    [InlineData("health_check", 200, "", "", 1)]
    [InlineData("health_check", 200, "", "public, max-age=30", 1)]
    [InlineData("ui_asset", 200, "Accept-Encoding, Origin", "public, immutable, max-age=31536000", 60)]
    [InlineData("ui_asset", 200, "", "max-age=5", 5)]
    [InlineData("ui_asset", 200, "", "max-age=0", null)]
    [InlineData("ui_asset", 200, "", "no-cache", null)]
    [InlineData("ui_asset", 200, "", "private, max-age=5", null)]
    [InlineData("ui_asset", 200, "", "no-store", null)]
    [InlineData("ui_asset", 200, "Cookie", "", null)]
    [InlineData("ui_asset", 200, "*", "", null)]
    [InlineData("ui_asset", 404, "", "", null)]
    [InlineData("ui_asset", 304, "", "", null)]
    [InlineData("health_check", 503, "", "", null)]
    [InlineData("read_settings", 200, "", "", null)]
    public void LifeOf_Answer(string operation, int status, string vary, string control, int? seconds)
    {
        var headers = new HeaderDictionary { ["Vary"] = vary, ["Cache-Control"] = control };

        Assert.Equal(seconds, PrefectCache.LifeOf(operation, status, headers)?.TotalSeconds);
    }

    [Fact]
    public void LifeOf_AnswerWithACookie_IsNone() => Assert.Null(PrefectCache.LifeOf("openapi", 200, new HeaderDictionary { ["Set-Cookie"] = "a=b" }));
}
