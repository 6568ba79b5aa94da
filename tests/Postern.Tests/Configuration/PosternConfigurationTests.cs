using Postern.Configuration;
using Postern.Hosting;
using Postern.Model;

namespace Postern.Tests.Configuration;

public sealed class PosternConfigurationTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Parse_MinimalFile_GivesOptionsWithDefaults()
    {
        var result = _folder.Parse(ConfigurationFolder.Minimal);

        Assert.Empty(result.Problems);
        Assert.NotNull(result.Options);
        Assert.Equal("127.0.0.1:0", result.Options.Listen[0].Address);
        Assert.Equal(Path.Combine(_folder.Root, "audit"), result.Options.Audit.File);
        Assert.Equal(TimeSpan.FromSeconds(75), result.Options.Shutdown.Grace);
        Assert.Equal("temporal", result.Options.Engines.Temporal[0].Credential.Mint?.Audience);
        Assert.Equal(CallerKind.Human, result.Options.Identity.Issuers[0].Kind.Default);
    }

    [Fact]
    public void Parse_EveryValueForm_IsRead()
    {
        var result = _folder.Parse(ConfigurationFolder.Minimal
            .Replace("credential: { mint: { audience: temporal } }", "credential: none", StringComparison.Ordinal)
            .Replace("audiences: [postern] }", "audiences: [postern], kind: service, staleKeys: 1d, clockSkew: 0 }", StringComparison.Ordinal)
            .Replace("audit: { file: audit }", "audit: { file: audit, rotateBytes: 1GiB, classes: { workflow.read: write } }", StringComparison.Ordinal)
            + "limits: { requestBytes: 64KiB }\nshutdown: { grace: 1m30s }\n");

        Assert.Empty(result.Problems);
        Assert.True(result.Options!.Engines.Temporal[0].Credential.None);
        Assert.Equal(CallerKind.Service, result.Options.Identity.Issuers[0].Kind.Default);
        Assert.Equal(TimeSpan.FromDays(1), result.Options.Identity.Issuers[0].StaleKeys);
        Assert.Equal(TimeSpan.Zero, result.Options.Identity.Issuers[0].ClockSkew);
        Assert.Equal(1L << 30, result.Options.Audit.RotateBytes.Bytes);
        Assert.Equal(AuditClass.Write, result.Options.Audit.Classes["workflow.read"]);
        Assert.Equal(65536, result.Options.Limits.RequestBytes.Bytes);
        Assert.Equal(TimeSpan.FromSeconds(90), result.Options.Shutdown.Grace);
    }

    [Fact]
    public void Parse_EmptyMapping_ReportsEveryRequiredKey()
    {
        var result = _folder.Parse("shutdown: { grace: 10s }\n");

        Assert.Null(result.Options);
        Assert.Equal(
            ["audit.file", "data", "engines", "identity.issuers", "listen", "policy"],
            result.Problems.Select(p => p.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Parse_ManyMistakes_ReportsAllWithPathLineAndAdvice()
    {
        var result = _folder.Parse("""
            listen:
              - address: 0.0.0.0:7233
              - adress: 127.0.0.1:7234
            data: data
            engines:
              temporal:
                - name: main
                  addresses: ["http://temporal:7233"]
                  conectionsPerAddress: 4
                  connectionsPerAddress: 99
            identity:
              issuers:
                - { name: ok ta, issuer: http://example.okta.com, audiences: [], staleKeys: 10 }
            policy: policy.yaml
            audit: { file: audit, rotateBytes: 5MB }
            """);

        Assert.Null(result.Options);
        Assert.Equal(
            [
                ("listen[0]", 2), ("listen[1].address", 3), ("listen[1].adress", 3), ("engines.temporal[0].credential", 7), ("engines.temporal[0].addresses[0]", 8),
                ("engines.temporal[0].conectionsPerAddress", 9), ("engines.temporal[0].connectionsPerAddress", 10),
                ("identity.issuers[0].audiences", 13), ("identity.issuers[0].issuer", 13), ("identity.issuers[0].name", 13), ("identity.issuers[0].staleKeys", 13),
                ("policy", 14), ("audit.rotateBytes", 15),
            ],
            result.Problems.OrderBy(p => p.Line).ThenBy(p => p.Path, StringComparer.Ordinal).Select(p => (p.Path, p.Line)));
        Assert.Contains("did you mean 'address'?", Only(result, "listen[1].adress").Text, StringComparison.Ordinal);
        Assert.Contains("did you mean 'connectionsPerAddress'?", Only(result, "engines.temporal[0].conectionsPerAddress").Text, StringComparison.Ordinal);
        Assert.Contains("write 1 to 64", Only(result, "engines.temporal[0].connectionsPerAddress").Text, StringComparison.Ordinal);
        Assert.Contains("clearText: true", Only(result, "listen[0]").Text, StringComparison.Ordinal);
        Assert.Contains("[policy.yaml]", Only(result, "policy").Text, StringComparison.Ordinal);
        Assert.Contains("4MiB", Only(result, "audit.rotateBytes").Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("- a\n- b\n", "mapping")]
    [InlineData("just a word", "mapping")]
    [InlineData("listen: [\n", "isn't YAML")]
    [InlineData("a: 1\n---\nb: 2\n", "second document")]
    [InlineData("listen: *nowhere\n", "anchor")]
    [InlineData("? [a, b]\n: c\n", "key must be a single word")]
    [InlineData("data: !!python/object x\n", "tag")]
    public void Parse_TextThatIsNoConfiguration_SaysWhy(string text, string expected)
    {
        var result = _folder.Parse(text);

        Assert.Null(result.Options);
        Assert.Contains(result.Problems, p => p.Text.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Parse_DeepNesting_IsRefusedAndNotFollowed()
    {
        var result = _folder.Parse("data: " + new string('[', 5000));

        Assert.Null(result.Options);
        Assert.Contains(result.Problems, p => p.Text.Contains("levels deep", StringComparison.Ordinal));
    }

    [Fact]
    public void Parse_AliasesThatMultiply_AreRefused()
    {
        var addresses = string.Join(",", Enumerable.Repeat("h:1", 1000));
        var engines = string.Join(",", Enumerable.Repeat("*e", 1000));
        var result = _folder.Parse($"x-engine: &e {{ name: a, addresses: [{addresses}], credential: none }}\nengines: {{ temporal: [{engines}] }}\n");

        Assert.Null(result.Options);
        Assert.Single(result.Problems, p => p.Text.Contains("aliases are expanded", StringComparison.Ordinal));
    }

    [Fact]
    public void Parse_KeyTwice_NamesBothLines()
    {
        var result = _folder.Parse(ConfigurationFolder.Minimal + "data: other\n");

        var problem = Only(result, "data");
        Assert.Equal(14, problem.Line);
        Assert.Contains("line 3", problem.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_AnchorsAndMerges_AreFollowed()
    {
        var result = _folder.Parse(ConfigurationFolder.Minimal.Replace(
            "    - { name: okta, issuer: https://example.okta.com, audiences: [postern] }",
            "    - &okta { name: okta, issuer: https://example.okta.com, audiences: [postern], groups: roles }\n"
            + "    - { <<: *okta, name: other, issuer: https://other.example.com }",
            StringComparison.Ordinal));

        Assert.Empty(result.Problems);
        var second = result.Options!.Identity.Issuers[1];
        Assert.Equal(("other", "https://other.example.com", "roles"), (second.Name, second.Issuer, second.Groups));
    }

    [Theory]
    [InlineData("tls:", "named but empty")]
    [InlineData("tls: {}", "named but empty")]
    [InlineData("hosts: []", "selects nothing")]
    [InlineData("hosts:", "has no value")]
    [InlineData("descriptors: ''", "is empty")]
    public void Parse_NamedButEmpty_IsAnError(string line, string expected)
    {
        var result = _folder.Parse(ConfigurationFolder.Minimal.Replace("      credential:", $"      {line}\n      credential:", StringComparison.Ordinal));

        Assert.Null(result.Options);
        Assert.Contains(expected, Assert.Single(result.Problems).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_MissingFile_IsAProblem()
    {
        var result = PosternConfiguration.Load(Path.Combine(_folder.Root, "absent.yaml"));

        Assert.Null(result.Options);
        Assert.Contains("no such file", Assert.Single(result.Problems).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FileOnDisk_ResolvesPathsAgainstItsFolder()
    {
        var result = PosternConfiguration.Load(_folder.Write("postern.yaml", ConfigurationFolder.Minimal));

        Assert.Empty(result.Problems);
        Assert.Equal([Path.Combine(_folder.Root, "policy.yaml")], result.Options!.Policy);
        Assert.Equal([Path.Combine(_folder.Root, "postern.yaml")], result.Files);
    }

    [Fact]
    public void Parse_ProtocolWords_AreReadAndRefused()
    {
        var http = ConfigurationFolder.Minimal.Replace("address: 127.0.0.1:0", "address: 127.0.0.1:0\n    protocol: http", StringComparison.Ordinal);

        Assert.Equal(ListenProtocol.Http, _folder.Parse(http).Options!.Listen[0].Protocol);
        Assert.Contains("grpc, http", Only(_folder.Parse(http.Replace("protocol: http", "protocol: h2", StringComparison.Ordinal)), "listen[0].protocol").Text, StringComparison.Ordinal);
    }

    private static Problem Only(ConfigurationResult result, string path) => Assert.Single(result.Problems, p => p.Path == path);
}
