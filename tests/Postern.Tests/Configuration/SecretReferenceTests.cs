using Postern.Configuration;

namespace Postern.Tests.Configuration;

public sealed class SecretReferenceTests : IDisposable
{
    private const string Canary = "s3cr3t-canary";
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Bearer_FromFile_IsReadWithoutItsLineEnd()
    {
        _folder.Write("token", Canary + "\n");
        var result = _folder.Parse(WithBearer("${file:token}"));

        Assert.Empty(result.Problems);
        Assert.Equal(Canary, result.Options!.Engines.Temporal[0].Credential.Bearer?.Reveal());
        Assert.Contains(Path.Combine(_folder.Root, "token"), result.Files);
    }

    [Fact]
    public void Bearer_FromEnvironment_IsRead()
    {
        _folder.SetEnvironment("TOKEN", Canary);

        Assert.Equal(Canary, _folder.Parse(WithBearer("${env:TOKEN}")).Options!.Engines.Temporal[0].Credential.Bearer?.Reveal());
    }

    [Fact]
    public void Bearer_WrittenLiterally_IsAWarningThatDoesNotRepeatIt()
    {
        var result = _folder.Parse(WithBearer(Canary));

        var problem = Assert.Single(result.Problems);
        Assert.NotNull(result.Options);
        Assert.Equal(("engines.temporal[0].credential.bearer", Severity.Warning), (problem.Path, problem.Severity));
        Assert.DoesNotContain(Canary, problem.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("${env:ABSENT}", "ABSENT is not set")]
    [InlineData("${file:absent}", "doesn't exist")]
    [InlineData("${vault:x}", "is not a reference")]
    [InlineData("${env:TOKEN", "isn't closed")]
    public void Bearer_ReferenceThatLeadsNowhere_IsAnError(string reference, string expected)
    {
        var result = _folder.Parse(WithBearer($"'{reference}'"));

        Assert.Null(result.Options);
        Assert.Contains(result.Problems, p => p.Severity == Severity.Error && p.Text.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Reference_ThatExpandsToAReference_IsNotFollowed()
    {
        _folder.SetEnvironment("ONE", "$${env:TWO} ${env:TWO}");
        _folder.SetEnvironment("TWO", Canary);

        Assert.Equal("$${env:TWO} ${env:TWO}", _folder.Parse(WithBearer("${env:ONE}")).Options!.Engines.Temporal[0].Credential.Bearer?.Reveal());
    }

    [Fact]
    public void Reference_Escaped_StandsForItself() =>
        Assert.Equal("a${env:X}b", _folder.Parse(WithBearer("a$${env:X}b")).Options!.Engines.Temporal[0].Credential.Bearer?.Reveal());

    [Fact]
    public void SecretInTheWrongPlace_IsNotRepeatedByAnyProblem()
    {
        _folder.SetEnvironment("TOKEN", Canary + " /:*");
        var text = ConfigurationFolder.Minimal
            .Replace("127.0.0.1:0", "${env:TOKEN}", StringComparison.Ordinal)
            .Replace("[127.0.0.1:7733]", "['${env:TOKEN}']", StringComparison.Ordinal)
            .Replace("name: main", "name: ${env:TOKEN}\n      hosts: ['${env:TOKEN}']\n      tls: { certificate: '${env:TOKEN}' }", StringComparison.Ordinal)
            .Replace("name: okta, issuer: https://example.okta.com", "name: '${env:TOKEN}', issuer: '${env:TOKEN}'", StringComparison.Ordinal)
            .Replace("[policy.yaml]", "['${env:TOKEN}']", StringComparison.Ordinal)
            + "trustedProxies: ['${env:TOKEN}']\nkeys: { address: '${env:TOKEN}' }\n";

        var result = _folder.Parse(text);

        Assert.True(result.Problems.Count >= 8, string.Join('\n', result.Problems));
        Assert.All(result.Problems, p => Assert.DoesNotContain(Canary, p.ToString(), StringComparison.Ordinal));
    }

    private static string WithBearer(string bearer) =>
        ConfigurationFolder.Minimal.Replace("credential: { mint: { audience: temporal } }", $"credential: {{ bearer: \"{bearer.Trim('\'')}\" }}", StringComparison.Ordinal);
}
