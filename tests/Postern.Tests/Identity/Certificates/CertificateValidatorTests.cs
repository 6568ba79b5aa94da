using Postern.FunctionalTests.Infrastructure;
using Postern.Tests.Configuration;

namespace Postern.Tests.Identity.Certificates;

public sealed class CertificateValidatorTests
{
    private const string One = "name: one, authorities: [ca.pem]";

    [Theory]
    [InlineData($"{{ {One}, account: payroll-worker }}")]
    [InlineData($"{{ {One}, subject: uri, kind: agent, namespaces: [\"payments-*\"], deniedSerials: [\"4F:0a:91\", 1234] }}")]
    [InlineData($"{{ {One}, subject: common-name, filters: [{{ commonName: \"worker-*\", organization: acme }}, {{ dns: \"*.acme.example\" }}] }}, {{ name: two, authorities: [ca.pem], account: a }}")]
    public void Entries_Clear_AreTaken(string entries) => Assert.Empty(Problems(entries));

    [Theory]
    [InlineData($"{{ {One} }}", "says for nobody")]
    [InlineData($"{{ {One}, account: a, subject: uri }}", "remove one of the two")]
    [InlineData($"{{ {One}, account: a, kind: agent }}", "is the account's own")]
    [InlineData($"{{ {One}, account: a, filters: [{{ dns: \"*\" }}] }}", "matches everything")]
    [InlineData($"{{ {One}, account: a, filters: [{{ dns: \"a.*.example\" }}] }}", "at the beginning or at the end")]
    [InlineData($"{{ {One}, account: a, filters: [{{ dns: \"*a*\" }}] }}", "at the beginning or at the end")]
    [InlineData($"{{ {One}, account: a, filters: [] }}", "the list is empty")]
    [InlineData($"{{ {One}, account: a, filters: [{{}}] }}", "the section is named but empty")]
    [InlineData($"{{ {One}, account: a, deniedSerials: [xyz] }}", "is no serial number")]
    [InlineData($"{{ {One}, account: a }}, {{ name: two, authorities: [ca.pem], account: b }}", "is never reached")]
    [InlineData("{ name: one, authorities: [below.pem], account: a }", "hold no root")]
    [InlineData("{ name: one, authorities: [policy.yaml], account: a }", "hold no root")]
    [InlineData("{ name: one, authorities: [nowhere.pem], account: a }", "there is no file")]
    [InlineData("{ name: okta, authorities: [ca.pem], account: a }", "names are unique")]
    public void Entries_Unclear_AreErrors(string entries, string expected) => Assert.Contains(Problems(entries), p => p.Contains(expected, StringComparison.Ordinal));

    [Fact]
    public void Account_WithoutAccounts_IsAnError() =>
        Assert.Contains(Problems($"{{ {One}, account: a }}", accounts: false), p => p.Contains("write accounts: enabled", StringComparison.Ordinal));

    [Theory]
    [InlineData("tls: { certificate: ca.pem, key: ca.pem }")]
    [InlineData("clearText: false")]
    public void Certificates_ThatNoListenerAsksFor_AreAnError(string listener) =>
        Assert.Contains(Problems($"{{ {One}, account: a }}", listener), p => p.Contains("no listener asks for any", StringComparison.Ordinal));

    [Fact]
    public void Listener_AuthoritiesWithoutARoot_AreAnError() => Assert.Contains(
        Problems($"{{ {One}, account: a }}", "tls: { certificate: ca.pem, key: ca.pem, clientCertificates: optional, clientAuthorities: [below.pem] }"),
        p => p.Contains("listen[0].tls.clientAuthorities", StringComparison.Ordinal) && p.Contains("hold no root", StringComparison.Ordinal));

    private static List<string> Problems(string entries, string listener = "tls: { certificate: ca.pem, key: ca.pem, clientCertificates: optional, clientAuthorities: [ca.pem] }", bool accounts = true)
    {
        using var folder = new ConfigurationFolder();
        var root = new TestAuthority();
        folder.Write("ca.pem", root.Pem);
        folder.Write("below.pem", new TestAuthority(root).Pem);
        var text = ConfigurationFolder.Minimal
            .Replace("  - address: 127.0.0.1:0\n", $"  - address: 127.0.0.1:0\n    {listener}\n", StringComparison.Ordinal)
            .Replace("identity:\n", $"identity:\n{(accounts ? "  accounts: enabled\n" : "")}  certificates: [{entries}]\n", StringComparison.Ordinal);
        return [.. folder.Parse(text).Problems.Select(problem => problem.ToString())];
    }
}
