using Postern.Configuration;
using Postern.Dev;

namespace Postern.Tests.Dev;

public sealed class DevFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("postern-dev-files-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("embedded", "127.0.0.1:5")]
    [InlineData("temporal-cli", "127.0.0.1:5")]
    [InlineData("frontend.example:7233", "frontend.example:7233")]
    public void Write_AnyEngine_GivesAConfigurationWithoutProblems(string engine, string address)
    {
        DevFiles.Write(Options(engine));

        var read = PosternConfiguration.Load(DevFiles.ConfigPath(_folder));

        Assert.Empty(read.Problems);
        var temporal = Assert.Single(read.Options!.Engines.Temporal);
        Assert.Equal([address], temporal.Addresses);
        // Only the embedded engine checks the gate's tokens; the others must not see one.
        Assert.Equal(engine == "embedded", temporal.Credential.Mint is not null);
        Assert.Equal(engine != "embedded", temporal.Credential.None);
        Assert.Equal("http://127.0.0.1:7", Assert.Single(read.Options.Engines.Prefect).Address);
    }

    [Fact]
    public void Write_PolicyThatWasEdited_IsKept()
    {
        DevFiles.Write(Options("embedded"));
        File.WriteAllText(DevFiles.PolicyPath(_folder), "bindings: []\n");

        DevFiles.Write(Options("embedded"));

        Assert.Equal("bindings: []\n", File.ReadAllText(DevFiles.PolicyPath(_folder)));
    }

    [Theory]
    [InlineData("embeded")]
    [InlineData("host:")]
    [InlineData(":7233")]
    [InlineData("host:0")]
    [InlineData("host:70000")]
    [InlineData("")]
    public void EngineChoice_WordThatIsNone_IsRefused(string word) => Assert.Null(DevEngineChoice.Parse(word));

    [Fact]
    public void FreePorts_TakenTogether_AreAllDifferent() => Assert.Equal(20, FreePorts.Take(20).Distinct().Count());

    private DevHostOptions Options(string engine) => new()
    {
        Folder = _folder,
        Ports = new DevPorts(1, 2, 3, 4, 5, 6, 7),
        Engine = DevEngineChoice.Parse(engine)!,
    };
}
