using Postern.Configuration;

namespace Postern.Tests.Configuration;

/// <summary>A folder with the files that a configuration names, removed at the end of the test.</summary>
internal sealed class ConfigurationFolder : IDisposable
{
    public const string Minimal = """
        listen:
          - address: 127.0.0.1:0
        data: data
        engines:
          temporal:
            - name: main
              addresses: [127.0.0.1:7733]
              credential: { mint: { audience: temporal } }
        identity:
          issuers:
            - { name: okta, issuer: https://example.okta.com, audiences: [postern] }
        policy: [policy.yaml]
        audit: { file: audit }

        """;

    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);

    public ConfigurationFolder() => Write("policy.yaml", "bindings: []\n");

    public string Root { get; } = Directory.CreateTempSubdirectory("postern-test-").FullName;

    public string Write(string name, string text)
    {
        var path = Path.Combine(Root, name);
        File.WriteAllText(path, text);
        return path;
    }

    public void SetEnvironment(string name, string value) => _environment[name] = value;

    public ConfigurationResult Parse(string text) =>
        PosternConfiguration.Parse(text, Path.Combine(Root, "postern.yaml"), name => _environment.GetValueOrDefault(name));

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
