using Postern.Forwarding;

namespace Postern.Tests.Forwarding;

public sealed class ResponseHeaderTextTests
{
    [Theory]
    [InlineData("X-A", "plain\tvalue", true)]
    [InlineData("X-A", "n\u00e4chtlich", false)]
    [InlineData("Content-Disposition", "n\u00e4chtlich", true)]
    [InlineData("content-disposition", "\u0142", false)]
    [InlineData("X-A", "a\rb", false)]
    [InlineData("X-A", "a\0", false)]
    [InlineData("Content-Disposition", "a\u007f", false)]
    public void IsWritable_IsWhatThePlatformTakes(string name, string value, bool expected) => Assert.Equal(expected, ResponseHeaderText.IsWritable(name, value));
}
