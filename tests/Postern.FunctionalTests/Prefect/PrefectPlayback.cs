using System.Text;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>The gates that recordings are played through: one for each way in which a gate proves itself to a server.</summary>
public sealed class PrefectPlayback : IAsyncLifetime
{
    /// <summary>A person and a service account that may everything.</summary>
    private const string Policy = """
        bindings:
          - { who: ["user:alice", "account:test/robot"], role: admin, where: { prefect: main } }
        """;

    private readonly Dictionary<string, PrefectGate> _gates = [];

    /// <summary>What the gate presents to the server of a configuration; null: nothing.</summary>
    internal static string? CredentialOf(string configuration) => configuration switch
    {
        "basic-auth" => "Basic " + Convert.ToBase64String("admin:pass"u8),
        "bearer" => "Bearer upstream-token",
        _ => null,
    };

    /// <summary>The caller of a recording: people use browsers and command lines, the rest is for service accounts.</summary>
    internal static (string Name, bool IsHuman) CallerOf(string recording) =>
        recording.StartsWith("cli/", StringComparison.Ordinal) || recording.StartsWith("http/", StringComparison.Ordinal) || recording.StartsWith("ui-", StringComparison.Ordinal) ? ("test/alice", true) : ("test/robot", false);

    internal PrefectGate this[string configuration] => _gates[configuration];

    public async ValueTask InitializeAsync()
    {
        foreach (var (configuration, credential) in new[] { ("open", "none"), ("basic-auth", "{ authString: \"admin:pass\" }"), ("bearer", "{ bearer: upstream-token }") })
        {
            _gates[configuration] = await PrefectGate.StartAsync(
                credential: credential, with: setup => setup with { PolicyText = Policy, IssuerExtra = "kind: { claim: kind, service: [service] }" });
        }

        // The same server to the gate: whose tokens pass is between the server and its clients.
        _gates["csrf"] = _gates["open"];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var gate in _gates.Values.Distinct())
        {
            await gate.DisposeAsync();
        }
    }

    /// <summary>The client's credential in its own scheme: Basic as <c>PREFECT_API_AUTH_STRING</c> sends it, or a bearer token.</summary>
    internal string Authorization(string configuration, string recording, bool isBearer)
    {
        var token = CallerOf(recording).IsHuman
            ? _gates[configuration].Gate.Issuer.Mint(subject: "alice")
            : _gates[configuration].Gate.Issuer.Mint(claims => claims["kind"] = "service", "robot");
        return isBearer ? "Bearer " + token : "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("anybody:" + token));
    }
}
