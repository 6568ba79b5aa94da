using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Tests.Audit;
using Postern.Tokens;

namespace Postern.Tests.Tokens;

/// <summary>A folder of signing keys with a clock, and as many gates on it as a test wants.</summary>
internal sealed class KeyFolder : IDisposable
{
    private readonly List<SigningKeys> _gates = [];

    public ManualTime Time { get; } = new();

    public string Path { get; } = System.IO.Path.Combine(Directory.CreateTempSubdirectory("postern-").FullName, "keys", "engine");

    public IReadOnlyList<string> Files => [.. Directory.GetFiles(Path).Select(file => System.IO.Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    public SigningKeys Open(SigningKeyTimes? times = null)
    {
        var gate = new SigningKeys(Path, Time, NullLogger.Instance, times);
        _gates.Add(gate);
        return gate;
    }

    public string Write(string name, ECDsa key)
    {
        var file = System.IO.Path.Combine(Path, name);
        File.WriteAllText(file, key.ExportPkcs8PrivateKeyPem());
        return file;
    }

    public static IReadOnlyList<string> Ids(ReadOnlyMemory<byte> set) =>
        [.. JsonDocument.Parse(set).RootElement.GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("kid").GetString()!)];

    public void Dispose()
    {
        foreach (var gate in _gates)
        {
            gate.Dispose();
        }

        Directory.Delete(System.IO.Path.GetFullPath(System.IO.Path.Combine(Path, "..", "..")), recursive: true);
    }
}
