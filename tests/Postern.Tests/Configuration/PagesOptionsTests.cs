namespace Postern.Tests.Configuration;

public sealed class PagesOptionsTests : IDisposable
{
    private const string Tokens = "tokens: { issuer: \"https://gate.example.com\" }\n";

    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("https://prefect.example.com", true)]
    [InlineData("https://prefect.example.com:8443", true)]
    [InlineData("https://prefect.example.com/", false)]
    [InlineData("https://prefect.example.com/ui", false)]
    [InlineData("https://prefect.example.com:443", false)]
    [InlineData("https://Prefect.example.com", false)]
    [InlineData("http://prefect.example.com", false)]
    [InlineData("https://u@prefect.example.com", false)]
    [InlineData("prefect.example.com", false)]
    public void Ui_IsAnOrigin_AtAHostOfItsEngine(string ui, bool isGood)
    {
        string[] expected = isGood ? [] : ["engines.prefect[0].ui"];
        Assert.Equal(expected, Parse($"hosts: [prefect.example.com], ui: \"{ui}\"", Tokens));
    }

    [Fact]
    public void Ui_OnLoopback_MayBeInClearText() => Assert.Empty(Parse("ui: \"http://127.0.0.1:8080\"", Tokens));

    [Fact]
    public void Ui_NeedsTokens_AndAHostOfItsOwnEngine()
    {
        Assert.Equal(["engines.prefect[0].ui"], Parse("ui: \"https://prefect.example.com\"", ""));
        Assert.Equal(["engines.prefect[0].ui"], Parse("hosts: [other.example.com], ui: \"https://prefect.example.com\"", Tokens));
    }

    [Fact]
    public void Ui_IsOfOneEngine() => Assert.Equal(
        ["engines.prefect[1].ui"],
        Parse("hosts: [localhost], ui: \"https://localhost:8443\" }, { name: more, address: \"http://prefect:4201\", credential: none, ui: \"http://localhost:8443\"", Tokens));

    [Theory]
    [InlineData("{ idle: 1h, absolute: 1h }", true)]
    [InlineData("{ idle: 2h, absolute: 1h }", false)]
    public void IdleLife_IsNoLongerThanTheAbsolute(string sessions, bool isGood) =>
        Assert.Equal(isGood ? [] : ["identity.sessions.idle"], Parse("ui: \"https://prefect.example.com\"", Tokens, sessions));

    private IEnumerable<string> Parse(string engine, string more, string sessions = "{ idle: 8h }")
    {
        var text = ConfigurationFolder.Minimal
            .Replace("identity:\n", $"identity:\n  accounts: enabled\n  sessions: {sessions}\n", StringComparison.Ordinal)
            .Replace("engines:\n", $"engines:\n  prefect: [{{ name: flows, address: \"http://prefect:4200\", credential: none, {engine} }}]\n", StringComparison.Ordinal);
        return _folder.Parse(text + more).Problems.Select(problem => problem.Path);
    }
}
