using System.Text;
using Postern.Pipeline.Prefect;

namespace Postern.Tests.Pipeline.Prefect;

/// <summary>Where the next page of events is, as the client calls the gate; all else to the byte as it came.</summary>
public sealed class PrefectNextPageTests
{
    private const string Origin = "https://prefect.example.com";

    [Theory]
    [InlineData("http://prefect.example.com")]
    [InlineData("http://10.0.0.7:4200")]
    public void At_AnotherOrigin_IsPutRight_AndNothingElse(string server)
    {
        var corrected = PrefectNextPage.At(Bytes($$"""{"events": [{"next_page":"http://x/api/events/filter/next?a"}], "next_page" : "{{server}}/api/events/filter/next?page-token=YQ%3D%3D&a=1+2" ,"total":2}"""), Origin);

        Assert.Equal("""{"events": [{"next_page":"http://x/api/events/filter/next?a"}], "next_page" : "https://prefect.example.com/api/events/filter/next?page-token=YQ%3D%3D&a=1+2" ,"total":2}""", Encoding.UTF8.GetString(corrected!));
    }

    [Theory]
    [InlineData("""{"next_page":"https://prefect.example.com/api/events/filter/next?page-token=x"}""")]
    [InlineData("""{"next_page":"http://elsewhere/other?page-token=x"}""")]
    [InlineData("""{"next_page":"/api/events/filter/next?page-token=x"}""")]
    [InlineData("""{"next_page":null}""")]
    [InlineData("""{"events":[]}""")]
    [InlineData("""[{"next_page":"http://x/api/events/filter/next?a"}]""")]
    [InlineData("""{"next_page":""")]
    [InlineData("")]
    public void At_WhatIsRightOrNoPage_IsLeft(string answer) => Assert.Null(PrefectNextPage.At(Bytes(answer), Origin));

    [Fact]
    public void At_PageThatIsSaidToBeBehindTls_StaysThere() =>
        Assert.Null(PrefectNextPage.At(Bytes("""{"next_page":"https://prefect.example.com/api/events/filter/next?page-token=x"}"""), "http://prefect.example.com"));

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
