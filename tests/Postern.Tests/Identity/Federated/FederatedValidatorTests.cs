using Postern.Tests.Configuration;

namespace Postern.Tests.Identity.Federated;

public sealed class FederatedValidatorTests
{
    private const string GitHub = "https://token.actions.githubusercontent.com";

    [Theory]
    [InlineData("https://cluster.example", "sub: \"system:serviceaccount:payments:*\"")]
    [InlineData("https://cluster.example", "kubernetes.io.namespace: payments")]
    [InlineData(GitHub, "sub: \"repo:acme/app:ref:refs/heads/main\"")]
    [InlineData(GitHub, "sub: \"repo:acme/*\", ref: refs/heads/main")]
    [InlineData(GitHub, "repository_owner_id: \"65\", environment: production")]
    [InlineData("https://gitlab.com", "namespace_path: acme, ref_protected: \"true\"")]
    public void Rule_ThatNamesTheWorkload_IsTaken(string issuer, string claims) => Assert.Empty(Problems(issuer, claims));

    [Theory]
    [InlineData("https://cluster.example", "sub: \"*\"", "matches every token")]
    [InlineData("https://cluster.example", "sub: \"**\", aud: \"*\"", "matches every token")]
    [InlineData(GitHub, "sub: \"repo:*\"", "can be met by strangers")]
    [InlineData(GitHub, "sub: \"repo:acme*\"", "can be met by strangers")]
    [InlineData(GitHub, "sub: \"*/app:ref:refs/heads/main\"", "can be met by strangers")]
    [InlineData(GitHub, "ref: refs/heads/main, workflow: deploy", "can be met by strangers")]
    [InlineData("https://gitlab.com", "project_path: \"*/app\"", "can be met by strangers")]
    public void Rule_ThatIsTooWide_IsAnError(string issuer, string claims, string expected) => Assert.Contains(Problems(issuer, claims), p => p.Contains(expected, StringComparison.Ordinal));

    [Fact]
    public void Rule_WithoutClaims_IsAnError()
    {
        using var folder = new ConfigurationFolder();

        var problems = IdentityLines.Problems(folder, "accounts: enabled", "federated: [{ name: c, issuer: \"https://c.example\", audiences: [postern], rules: [{ account: a }] }]");

        Assert.Contains(problems, p => p.Contains("identity.federated[0].rules[0].claims", StringComparison.Ordinal) && p.Contains("is required", StringComparison.Ordinal));
    }

    [Fact]
    public void Federated_WithoutAccounts_IsAnError()
    {
        using var folder = new ConfigurationFolder();

        var problems = IdentityLines.Problems(folder, "federated: [{ name: c, issuer: \"https://c.example\", audiences: [postern], rules: [{ claims: { sub: a }, account: a }] }]");

        Assert.Contains(problems, p => p.Contains("identity.federated", StringComparison.Ordinal) && p.Contains("write accounts: enabled", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("name: c, issuer: \"https://example.okta.com\"", "selects one entry")]
    [InlineData("name: OKTA, issuer: \"https://c.example\"", "names are unique")]
    [InlineData("name: postern, issuer: \"https://c.example\"", "take another name")]
    [InlineData("name: c, issuer: \"http://c.example\"", "can't be asked for keys")]
    public void Federated_ThatIsMistakenForAnother_IsAnError(string entry, string expected)
    {
        using var folder = new ConfigurationFolder();

        var problems = IdentityLines.Problems(folder, "accounts: enabled", $"federated: [{{ {entry}, audiences: [postern], rules: [{{ claims: {{ sub: a }}, account: a }}] }}]");

        Assert.Contains(problems, p => p.Contains(expected, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("name: c, trustDomain: acme.example, keySet: k.json", "name: d, trustDomain: acme.example, keySet: k.json", "federated[1].trustDomain", "selects one entry")]
    [InlineData("name: c, trustDomain: \"spiffe://acme.example\", keySet: k.json", "", "federated[0].trustDomain", "its name alone")]
    [InlineData("name: c, trustDomain: Acme.example, keySet: k.json", "", "federated[0].trustDomain", "small letters")]
    [InlineData("name: c, trustDomain: acme.example", "", "federated[0].issuer", "come from nowhere else")]
    [InlineData("name: c, keySet: k.json", "", "federated[0].issuer", "is required")]
    public void TrustDomain_ThatSelectsNothingOrTwo_IsAnError(string first, string second, string place, string expected)
    {
        using var folder = new ConfigurationFolder();
        folder.Write("k.json", "{\"keys\":[]}");
        const string Rest = "audiences: [postern], rules: [{ claims: { sub: \"spiffe://acme.example/a\" }, account: a }]";

        var problems = IdentityLines.Problems(folder, "accounts: enabled", $"federated: [{{ {first}, {Rest} }}{(second.Length > 0 ? $", {{ {second}, {Rest} }}" : "")}]");

        Assert.Contains(problems, p => p.Contains(place, StringComparison.Ordinal) && p.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void TrustDomain_WithAFileOfKeys_NeedsNoIssuer()
    {
        using var folder = new ConfigurationFolder();
        folder.Write("k.json", "{\"keys\":[]}");

        Assert.Empty(IdentityLines.Problems(
            folder, "accounts: enabled", "federated: [{ name: c, trustDomain: acme.example, keySet: k.json, audiences: [postern], rules: [{ claims: { sub: \"spiffe://acme.example/a\" }, account: a }] }]"));
    }

    private static List<string> Problems(string issuer, string claims)
    {
        using var folder = new ConfigurationFolder();
        return IdentityLines.Problems(folder, "accounts: enabled", $"federated: [{{ name: c, issuer: \"{issuer}\", audiences: [postern], rules: [{{ claims: {{ {claims} }}, account: a }}] }}]");
    }
}
