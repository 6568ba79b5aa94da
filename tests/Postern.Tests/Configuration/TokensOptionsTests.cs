namespace Postern.Tests.Configuration;

public sealed class TokensOptionsTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("https://gate.example.com", true)]
    [InlineData("https://gate.example.com:7233", true)]
    [InlineData("http://127.0.0.1:7233", true)]
    [InlineData("http://gate.example.com", false)]
    [InlineData("https://gate.example.com/", false)]
    [InlineData("https://gate.example.com/path", false)]
    [InlineData("https://GATE.example.com", false)]
    [InlineData("https://user@gate.example.com", false)]
    [InlineData("https://gate.example.com?x=1", false)]
    [InlineData("gate.example.com", false)]
    public void Issuer_IsAnOrigin_WrittenInOneWay(string issuer, bool isGood)
    {
        var result = Parse($"tokens: {{ issuer: \"{issuer}\" }}\n");

        Assert.Equal(isGood, result.Options is not null);
        Assert.Equal(isGood ? [] : ["tokens.issuer"], result.Problems.Select(problem => problem.Path));
    }

    [Fact]
    public void Tokens_WithoutAccounts_AreRefused() =>
        Assert.Equal(["tokens"], _folder.Parse(ConfigurationFolder.Minimal + "tokens: { issuer: \"https://gate.example.com\" }\n").Problems.Select(problem => problem.Path));

    [Fact]
    public void Login_NeedsTokens_AndIsOfOneIssuer()
    {
        Assert.Equal(["identity.issuers[0].login"], Parse("", "login: { clientId: gate }").Problems.Select(problem => problem.Path));
        Assert.Equal(["identity.issuers[0].login.scopes"], Parse("tokens: { issuer: \"https://gate.example.com\" }\n", "login: { clientId: gate, scopes: [email] }").Problems.Select(problem => problem.Path));
        Assert.Empty(Parse("tokens: { issuer: \"https://gate.example.com\" }\n", "login: { clientId: gate }").Problems);
    }

    private global::Postern.Configuration.ConfigurationResult Parse(string more, string? ofIssuer = null)
    {
        var text = ConfigurationFolder.Minimal.Replace("identity:\n", "identity:\n  accounts: enabled\n", StringComparison.Ordinal);
        return _folder.Parse((ofIssuer is null ? text : text.Replace("audiences: [postern] }", $"audiences: [postern], {ofIssuer} }}", StringComparison.Ordinal)) + more);
    }
}
