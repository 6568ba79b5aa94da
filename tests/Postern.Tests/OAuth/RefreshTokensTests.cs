using Postern.OAuth;
using Postern.Tests.Identity.Accounts;

namespace Postern.Tests.OAuth;

public sealed class RefreshTokensTests
{
    private readonly RefreshTokens _texts = new(AccountBench.Hash);

    [Fact]
    public void Token_NamesItsSession_AndItsSuccessorIsAlwaysTheSame()
    {
        var family = RefreshTokens.NewFamily();
        var first = _texts.First(family);
        var second = _texts.Next(family, first);

        Assert.Equal(family, _texts.FamilyOf(first));
        Assert.Equal(family, _texts.FamilyOf(second));
        Assert.Equal(second, _texts.Next(family, first));
        Assert.NotEqual(second, _texts.Next(family, second));
        Assert.NotEqual(first, _texts.First(family));
    }

    [Fact]
    public void Hash_KnowsItsTokenAlone_AndHoldsNothingOfIt()
    {
        var family = RefreshTokens.NewFamily();
        var (first, other) = (_texts.First(family), _texts.First(family));

        Assert.True(_texts.Is(first, _texts.Hash(first)));
        Assert.False(_texts.Is(other, _texts.Hash(first)));
        Assert.False(_texts.Is(first, null));
        Assert.DoesNotContain(_texts.Hash(first), first, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_ThatNoGateMade_IsOfNoSession()
    {
        var token = _texts.First(RefreshTokens.NewFamily());
        for (var i = 4; i < token.Length; i++)
        {
            var changed = token[..i] + (token[i] == 'B' ? 'C' : 'B') + token[(i + 1)..];
            // The last letter of the seal may hold bits that mean nothing.
            Assert.True(_texts.FamilyOf(changed) is null || i == token.Length - 1, $"changed at {i}");
        }

        foreach (var text in new[] { "", "prt_", token[..^10], token + "AAAA", "prt-" + token[4..], token.Replace('_', ' ') })
        {
            Assert.Null(_texts.FamilyOf(text));
        }
    }
}
