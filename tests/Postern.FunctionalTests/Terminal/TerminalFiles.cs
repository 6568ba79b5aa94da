namespace Postern.FunctionalTests.Terminal;

/// <summary>Where a terminal's files are, for the tests of one class at a time.</summary>
[CollectionDefinition(nameof(TerminalFiles), DisableParallelization = true)]
public sealed class TerminalFiles : ICollectionFixture<TerminalFiles>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("postern-terminal-").FullName;

    public TerminalFiles()
    {
        Environment.SetEnvironmentVariable("XDG_CONFIG_HOME", _folder);
        Environment.SetEnvironmentVariable("TEMPORAL_CONFIG_FILE", Path.Combine(_folder, "temporal.toml"));
        Environment.SetEnvironmentVariable("PREFECT_PROFILES_PATH", Path.Combine(_folder, "profiles.toml"));
    }

    public void Clear()
    {
        foreach (var file in Directory.GetFiles(_folder, "*", SearchOption.AllDirectories))
        {
            File.Delete(file);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
