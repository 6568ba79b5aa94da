using Postern.Tests.Configuration;

namespace Postern.Tests.Identity.Introspection;

public sealed class IntrospectionValidatorTests
{
    private const string One = "name: one, endpoint: \"https://one.example/introspect\", clientId: postern, clientSecret: \"${env:SECRET}\"";
    private const string Two = "name: two, endpoint: \"https://two.example/introspect\", clientId: postern, clientSecret: \"${env:SECRET}\"";

    [Theory]
    [InlineData($"{{ {One} }}")]
    [InlineData($"{{ {One}, stale: 5m, cache: 10s, groups: roles, kind: service, issuer: \"https://one.example\", audiences: [postern] }}")]
    [InlineData($"{{ {One}, prefix: one_ }}, {{ {Two}, prefix: two_ }}")]
    public void Entries_ThatCanBeToldApart_AreTaken(string entries) => Assert.Empty(Problems(entries));

    [Theory]
    [InlineData($"{{ {One} }}, {{ {Two} }}", "introspection[0].prefix: is required")]
    [InlineData($"{{ {One}, prefix: one_ }}, {{ {Two} }}", "introspection[1].prefix: is required")]
    [InlineData($"{{ {One}, prefix: tok_ }}, {{ {Two}, prefix: tok_two_ }}", "begin the same tokens")]
    [InlineData($"{{ {One}, prefix: pst_x }}", "keys of the gate or JWTs")]
    [InlineData($"{{ {One}, prefix: eyJ }}", "keys of the gate or JWTs")]
    [InlineData($"{{ {One}, stale: 30s }}", "is not longer than cache")]
    [InlineData($"{{ {One}, stale: 11m }}", "out of range")]
    [InlineData($"{{ {One}, cache: 1h }}", "out of range")]
    [InlineData("{ name: one, endpoint: \"http://one.example\", clientId: a, clientSecret: \"${env:SECRET}\" }", "can't be trusted with tokens")]
    [InlineData("{ name: one, endpoint: \"https://user@one.example\", clientId: a, clientSecret: \"${env:SECRET}\" }", "can't be trusted with tokens")]
    [InlineData("{ name: one, endpoint: \"https://one.example\", clientId: a }", "clientSecret: is required")]
    [InlineData("{ name: OKTA, endpoint: \"https://one.example\", clientId: a, clientSecret: \"${env:SECRET}\" }", "names are unique")]
    public void Entries_ThatCanNot_AreErrors(string entries, string expected) => Assert.Contains(Problems(entries), p => p.Contains(expected, StringComparison.Ordinal));

    private static List<string> Problems(string entries)
    {
        using var folder = new ConfigurationFolder();
        folder.SetEnvironment("SECRET", "s");
        return IdentityLines.Problems(folder, $"introspection: [{entries}]");
    }
}
