using System.Text.Json.Nodes;
using Postern.Configuration;

namespace Postern.Tests.Configuration;

/// <summary>
/// Schema, reference and samples are what the options types say. To write the first two anew:
/// <c>POSTERN_WRITE_DOCS=1 dotnet run --project tests/Postern.Tests -- -class Postern.Tests.Configuration.ConfigurationDocumentTests</c>
/// </summary>
public sealed class ConfigurationDocumentTests
{
    private const string Schema = "docs/postern.schema.json";
    private const string Reference = "docs/configuration.md";
    private const string Marker = "<!-- From here on written from the options types; see tests/Postern.Tests/Configuration/ConfigurationDocumentTests.cs -->\n";

    public static TheoryData<string> Samples() =>
        [.. Directory.GetFiles(Repository.Path("samples"), "postern*.yaml", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Repository.Path("samples"), f))];

    [Fact]
    public void Schema_OptionsTypes_AreTheSame()
    {
        var written = SchemaWriter.Write();
        if (IsWriting)
        {
            File.WriteAllText(Repository.Path(Schema), written);
        }

        Assert.Equal(written, Repository.Read(Schema));
    }

    [Fact]
    public void Reference_OptionsTypes_AreTheSame()
    {
        var document = Repository.Read(Reference);
        var intro = document[..(document.IndexOf(Marker, StringComparison.Ordinal) + Marker.Length)];
        var written = intro + ReferenceWriter.Write();
        if (IsWriting)
        {
            File.WriteAllText(Repository.Path(Reference), written);
        }

        Assert.Equal(written, Repository.Read(Reference));
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Sample_Loader_FindsNoProblem(string sample)
    {
        var result = PosternConfiguration.Load(Path.Combine(Repository.Path("samples"), sample));

        Assert.Empty(result.Problems);
        Assert.NotNull(result.Options);
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Sample_Schema_IsMet(string sample) => Assert.Empty(Validate(Repository.Read(Path.Combine("samples", sample))));

    [Theory]
    [InlineData("lissten: 1", "lissten is not known")]
    [InlineData("shutdown: { grace: 5 minutes }", ".shutdown.grace: doesn't match")]
    [InlineData("limits: { requestBytes: 4MB }", ".limits.requestBytes: doesn't match")]
    [InlineData("limits: { streamsPerConnection: 1 }", "is below 100")]
    [InlineData("trustedProxies: []", "too few items")]
    [InlineData("keys: {}", ".keys: lacks address")]
    public void Schema_WhatTheLoaderRefuses_IsRefused(string line, string expected)
    {
        using var folder = new ConfigurationFolder();

        Assert.Null(folder.Parse(ConfigurationFolder.Minimal + line + "\n").Options);
        Assert.Contains(Validate(ConfigurationFolder.Minimal + line + "\n"), e => e.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Schema_MinimalFile_IsMet() => Assert.Empty(Validate(ConfigurationFolder.Minimal));

    [Theory]
    [InlineData("credential: { mint: { audience: temporal } }", "credential: none")]
    [InlineData("audiences: [postern]", "audiences: [postern], kind: agent, clockSkew: 0")]
    [InlineData("audiences: [postern]", "audiences: [postern], kind: { claim: sub, service: ['svc-*'] }")]
    public void Schema_WhatTheLoaderTakes_IsTaken(string line, string other)
    {
        using var folder = new ConfigurationFolder();
        var text = ConfigurationFolder.Minimal.Replace(line, other, StringComparison.Ordinal);

        Assert.Empty(folder.Parse(text).Problems);
        Assert.Empty(Validate(text));
    }

    private static bool IsWriting => Environment.GetEnvironmentVariable("POSTERN_WRITE_DOCS") == "1";

    private static List<string> Validate(string yaml)
    {
        var problems = new Problems();
        return new SchemaValidator(JsonNode.Parse(Repository.Read(Schema))!.AsObject()).Validate(YamlReader.Read(yaml, problems)!);
    }
}
