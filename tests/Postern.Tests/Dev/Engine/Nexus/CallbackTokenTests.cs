using Postern.Dev.Engine.Nexus;

namespace Postern.Tests.Dev.Engine.Nexus;

public sealed class CallbackTokenTests
{
    // As a real server wrote it.
    private const string Recorded =
        """{"v":1,"d":"CiQwMWEyMDMwNi05YTJlLTdkOTUtYjFhNS1iNGQ0NGJmYjYyNWMSCmdvLW5leHVzLTEaJDAxYTIwMzE1LTU1NjYtNzBlYy04MGFkLTNlNjk0YTkzYTA3NCItCh8KGW5leHVzb3BlcmF0aW9ucy5PcGVyYXRpb24SAjEwEgIQBhoCEAYiAhAGKiQ5NDhhM2U4MS04ZjUyLTRjNmItODYzOS0zOTViOWUwOWJkMWU="}""";

    private static readonly CallbackToken s_token = new(
        "01a20306-9a2e-7d95-b1a5-b4d44bfb625c", "go-nexus-1", "01a20315-5566-70ec-80ad-3e694a93a074", 10, "948a3e81-8f52-4c6b-8639-395b9e09bd1e");

    [Fact]
    public void Parse_OfARecordedToken_ReadsItsOperation() => Assert.Equal(s_token, CallbackToken.Parse(Recorded));

    [Fact]
    public void ToText_IsTheServersOwn() => Assert.Equal(Recorded, (s_token with { Transition = 6 }).ToText());

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"v\":1}")]
    [InlineData("{\"v\":\"1\",\"d\":\"\"}")]
    [InlineData("{\"v\":2,\"d\":\"AAAA\"}")]
    [InlineData("{\"v\":1,\"d\":\"no base64!\"}")]
    [InlineData("{\"v\":1,\"d\":\"AAAA\"}")]
    [InlineData("{\"v\":1,\"d\":\"IgMKARg=\"}")]
    [InlineData("{\"v\":1,\"d\":\"IggKBhIEbm9uZQ==\"}")]
    public void Parse_OfAnythingElse_IsNothing(string text) => Assert.Null(CallbackToken.Parse(text));
}
