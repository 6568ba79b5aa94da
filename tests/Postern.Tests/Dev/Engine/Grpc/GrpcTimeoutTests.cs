using Postern.Dev.Engine.Grpc;

namespace Postern.Tests.Dev.Engine.Grpc;

public sealed class GrpcTimeoutTests
{
    [Theory]
    [InlineData("1H", 3_600_000)]
    [InlineData("2M", 120_000)]
    [InlineData("70S", 70_000)]
    [InlineData("250m", 250)]
    [InlineData("69999000u", 69_999)]
    [InlineData("5000000n", 5)]
    [InlineData("0m", 0)]
    public void Parse_OfDigitsAndAUnit_IsThatTime(string text, int milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), GrpcTimeout.Parse(text));

    [Fact]
    public void Parse_OfNothing_IsNoDeadline() => Assert.Null(GrpcTimeout.Parse(null));

    [Fact]
    public void Parse_OfTheLargest_DoesNotOverflow() => Assert.True(GrpcTimeout.Parse("99999999H") > TimeSpan.FromDays(365));

    [Theory]
    [InlineData("abc")]
    [InlineData("5")]
    [InlineData("S")]
    [InlineData("-1S")]
    [InlineData("1.5S")]
    [InlineData("123456789S")]
    public void Parse_OfAnythingElse_IsMalformed(string text)
    {
        var refusal = Assert.Throws<RpcException>(() => GrpcTimeout.Parse(text));

        Assert.Equal((StatusCode.Internal, 400), (refusal.Code, refusal.HttpStatus));
    }
}
