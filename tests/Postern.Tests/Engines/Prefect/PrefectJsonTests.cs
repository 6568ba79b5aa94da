using System.Text;
using Postern.Engines.Prefect;

namespace Postern.Tests.Engines.Prefect;

public sealed class PrefectJsonTests
{
    [Theory]
    [InlineData("""{"a":1,"a":2}""")]
    [InlineData("""{"a":1,"\u0061":2}""")]
    [InlineData("""{"x":[{"a":1,"a":1}]}""")]
    [InlineData("""{"a":NaN}""")]
    [InlineData("""{"a":-Infinity}""")]
    [InlineData("""{"a":1}x""")]
    [InlineData("""{"a":1}{}""")]
    [InlineData("""{"a":1,}""")]
    [InlineData("""{/**/"a":1}""")]
    [InlineData("{'a':1}")]
    [InlineData("{\"a\":\"\u0001\"}")]
    [InlineData("""{"a":"\ud800"}""")]
    [InlineData("""{"a":"\udc00"}""")]
    [InlineData("""{"a":"\udc00\ud800"}""")]
    [InlineData("""{"a":"\ud800\u0061"}""")]
    [InlineData("""{"a":"\ud800\\udc00"}""")]
    [InlineData("""{"\ud800":1}""")]
    [InlineData("""{"\ud800":1,"b":2}""")]
    [InlineData(" ")]
    [InlineData("\uFEFF{}")]
    public void TryRead_WhatHasTwoMeanings_IsAFault(string body)
    {
        Assert.False(PrefectJson.TryRead(Encoding.UTF8.GetBytes(body), out var document, out var fault));
        Assert.Null(document);
        Assert.NotEqual("", fault);
    }

    [Fact]
    public void TryRead_OtherEncodingsAndDepths_AreFaults()
    {
        Assert.False(PrefectJson.TryRead(Encoding.Unicode.GetBytes("{}"), out _, out _));
        Assert.False(PrefectJson.TryRead(Encoding.UTF32.GetBytes("{}"), out _, out _));
        Assert.False(PrefectJson.TryRead(new byte[] { (byte)'"', 0xff, (byte)'"' }, out _, out _));
        Assert.False(PrefectJson.TryRead(new byte[] { (byte)'"', 0xed, 0xa0, 0x80, (byte)'"' }, out _, out _));
        Assert.False(PrefectJson.TryRead(Encoding.UTF8.GetBytes(new string('[', 65) + new string(']', 65)), out _, out _));
        Assert.True(PrefectJson.TryRead(Encoding.UTF8.GetBytes(new string('[', 64) + new string(']', 64)), out _, out _));
    }

    [Theory]
    [InlineData("""{"a":"\ud83e\udd8a","b":"\\ud800","c":"\u0000","d":"\"\\"}""")]
    [InlineData("null")]
    [InlineData(""" [1.0e400, "🦊"] """)]
    public void TryRead_WhatHasOneMeaning_IsRead(string body)
    {
        Assert.True(PrefectJson.TryRead(Encoding.UTF8.GetBytes(body), out var document, out var fault), fault);
        document!.Dispose();
    }

    [Fact]
    public void TryRead_NoBody_IsNone()
    {
        Assert.True(PrefectJson.TryRead(ReadOnlyMemory<byte>.Empty, out var document, out _));
        Assert.Null(document);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("", true)]
    [InlineData("application/json", true)]
    [InlineData("Application/JSON; charset=UTF-8", true)]
    [InlineData("application/json;charset=\"utf-8\"", true)]
    [InlineData("application/json; charset=utf-16", false)]
    [InlineData("application/json; profile=x", false)]
    [InlineData("application/vnd.api+json", false)]
    [InlineData("text/json", false)]
    [InlineData("text/plain", false)]
    [InlineData("application/x-www-form-urlencoded", false)]
    [InlineData("application/json, text/plain", false)]
    [InlineData("json", false)]
    public void IsJson_ByType(string? type, bool isJson) => Assert.Equal(isJson, PrefectJson.IsJson(type));

    [Theory]
    [InlineData("0197D6C4-5A0B-7E1F-8C33-9D0E4B6A1F22", true)]
    [InlineData("0197d6c45a0b7e1f8c339d0e4b6a1f22", true)]
    [InlineData("{0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22}", true)]
    [InlineData("urn:uuid:0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22", true)]
    [InlineData("URN:UUID:0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22", true)]
    [InlineData("0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f2", false)]
    [InlineData("0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f222", false)]
    [InlineData(" 0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22", false)]
    [InlineData("0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22-", false)]
    [InlineData("0197d6c45-a0b-7e1f-8c33-9d0e4b6a1f22", false)]
    [InlineData("0x97d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Id_InAnyForm_IsOne(string? text, bool isId)
    {
        Assert.Equal(isId, PrefectId.TryRead(text, out var canonical));
        Assert.Equal(isId ? "0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22" : "", canonical);
    }
}
