using Postern.Identity.ApiKeys;

namespace Postern.Tests.Identity.ApiKeys;

public sealed class ApiKeyTextTests
{
    [Fact]
    public void Create_IsFoundByItsId_AndNeverTheSame()
    {
        var keys = Enumerable.Range(0, 1000).Select(_ => ApiKeyText.Create()).ToList();

        Assert.All(keys, key => Assert.Equal(key.Id, ApiKeyText.IdOf(key.Text)));
        Assert.Equal(1000, keys.Select(key => key.Id).Distinct().Count());
        Assert.Equal(1000, keys.Select(key => key.Text[(ApiKeyText.Prefix.Length + ApiKeyText.IdLength)..]).Distinct().Count());
    }

    [Fact]
    public void IdOf_WithAnyOneCharacterChanged_IsNull()
    {
        var text = ApiKeyText.Create().Text;

        for (var i = 0; i < text.Length; i++)
        {
            Assert.Null(ApiKeyText.IdOf(text[..i] + (text[i] == 'x' ? 'y' : 'x') + text[(i + 1)..]));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("pst_")]
    [InlineData("pst_0123456789abcdef_")]
    [InlineData("eyJhbGciOiJFUzI1NiJ9.e30.AAAA")]
    public void IdOf_OfSomethingElse_IsNull(string text) => Assert.Null(ApiKeyText.IdOf(text));

    [Fact]
    public void IdOf_CutOrLonger_IsNull()
    {
        var text = ApiKeyText.Create().Text;

        Assert.Null(ApiKeyText.IdOf(text[..^1]));
        Assert.Null(ApiKeyText.IdOf(text + "0"));
        Assert.Null(ApiKeyText.IdOf(" " + text));
    }
}
