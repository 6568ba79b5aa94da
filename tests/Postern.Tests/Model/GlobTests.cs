using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Postern.Model;

namespace Postern.Tests.Model;

public sealed class GlobTests
{
    [Theory]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("*", "", true)]
    [InlineData("*", "anything", true)]
    [InlineData("a*a", "a", false)]
    [InlineData("a*a", "aa", true)]
    [InlineData("a*b*c", "aXbYbZc", true)]
    [InlineData("a*b*c", "acb", false)]
    [InlineData("**a**", "xay", true)]
    [InlineData("pay?", "pays", false)]
    [InlineData("pay?", "pay?", true)]
    [InlineData("[ab]", "a", false)]
    [InlineData("a.c", "abc", false)]
    [InlineData("a", "A", false)]
    [InlineData("ä*", "äx", true)]
    [InlineData("a\u0308", "ä", false)]
    public void Glob_MatchesTheWholeName(string pattern, string name, bool expected) => Assert.Equal(expected, new Glob(pattern).Matches(name));

    [Fact]
    public void Glob_AgreesWithTheSameRegularExpression()
    {
        var text = Gen.Elements('a', 'b', '*').ListOf().Select(c => string.Concat(c)).ToArbitrary();
        var name = Gen.Elements('a', 'b').ListOf().Select(c => string.Concat(c)).ToArbitrary();
        Prop.ForAll(text, name, (pattern, candidate) =>
        {
            var expected = Regex.IsMatch(candidate, $"^{Regex.Escape(pattern).Replace("\\*", ".*")}\\z", RegexOptions.Singleline | RegexOptions.NonBacktracking);
            return new Glob(pattern).Matches(candidate) == expected;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    // A search that starts over at each place would take hours for this.
    [Fact]
    public void Glob_ThatAlmostMatchesAHugeName_IsDoneInOnePass() =>
        Assert.False(new Glob("*" + new string('a', 500_000) + "b*").Matches(new string('a', 1_000_000)));
}
