namespace Postern.FunctionalTests.Infrastructure;

/// <summary>What one test's gate is configured with; every default is the ordinary case.</summary>
internal sealed record GateSetup
{
    /// <summary>alice and the payments group develop in payments; bob views; the worker account works there; root may everything.</summary>
    public const string Policy = """
        roles:
          everything: { extends: admin, with: [cluster.remote] }
        bindings:
          - { who: ["group:payments"], role: developer, where: { temporal: payments } }
          - { who: ["group:viewers"], role: viewer, where: { temporal: payments } }
          - { who: ["group:reports"], role: runner, where: { temporal: payments, workflowType: [Report] } }
          - { who: ["user:worker"], role: worker, where: { temporal: payments, taskQueue: "payments*" } }
          - { who: ["user:root"], role: everything, where: { temporal: "*" } }
          - { who: ["user:root"], role: everything, scope: cluster }
        """;

    public string PolicyText { get; init; } = Policy;

    /// <summary>The Temporal engine's name.</summary>
    public string EngineName { get; init; } = "main";

    /// <summary>YAML of the engine's credential.</summary>
    public string Credential { get; init; } = "{ mint: { audience: temporal-test } }";

    /// <summary>Further keys of the engine's entry, and further engines: written as list items of which the first has begun.</summary>
    public string EngineExtra { get; init; } = "";

    /// <summary>Engines of other kinds: further keys of <c>engines:</c>.</summary>
    public string OtherEngines { get; init; } = "";

    /// <summary>Further keys of the issuer's entry, one per line.</summary>
    public string IssuerExtra { get; init; } = "";

    /// <summary>Further keys of <c>identity:</c>, one per line, with two spaces before them.</summary>
    public string IdentityExtra { get; init; } = "";

    /// <summary>Further sections of postern.yaml.</summary>
    public string Extra { get; init; } = "";

    /// <summary>Further listeners: YAML list items.</summary>
    public string Listen { get; init; } = "";

    /// <summary>Addresses of the engine instead of the stub's.</summary>
    public string? EngineAddresses { get; init; }

    public string Grace { get; init; } = "10s";

    /// <summary>False where a test has the issuer itself (one that is down, for example) and disposes it.</summary>
    public TestIssuer? Issuer { get; init; }

    public Func<ArrivedCall, StubAnswer> Script { get; init; } = static _ => StubAnswer.Ok();

    /// <summary>The folder of a gate whose keys this one shares, as a volume that both mount.</summary>
    public string? KeysOf { get; init; }

    /// <summary>Further files in the gate's folder.</summary>
    public IReadOnlyList<(string Name, string Text)> Files { get; init; } = [];

    public string Write(string folder, string issuer, string engine)
    {
        if (KeysOf is not null)
        {
            Directory.CreateDirectory(Path.Combine(folder, "data"));
            Directory.CreateSymbolicLink(Path.Combine(folder, "data", "keys"), Path.Combine(KeysOf, "data", "keys"));
        }

        foreach (var (name, content) in Files)
        {
            File.WriteAllText(Path.Combine(folder, name), content);
        }

        File.WriteAllText(Path.Combine(folder, "policy.yaml"), PolicyText);
        var file = Path.Combine(folder, "postern.yaml");
        File.WriteAllText(file, $"""
            listen:
              - {"{"} address: "127.0.0.1:0", protocol: grpc {"}"}
            {Indent(Listen, 2)}
            admin: {"{"} address: "127.0.0.1:0" {"}"}
            keys: {"{"} address: "127.0.0.1:0" {"}"}
            data: data
            engines:
              temporal:
                - name: {EngineName}
                  addresses: [{EngineAddresses ?? $"\"{engine}\""}]
                  credential: {Credential}
            {Indent(EngineExtra, 4)}
            {Indent(OtherEngines, 2)}
            identity:
              issuers:
                - name: test
                  issuer: {issuer}
                  audiences: [{TestIssuer.Audience}]
                  groups: groups
            {Indent(IssuerExtra, 6)}
            {IdentityExtra}
            policy: [policy.yaml]
            audit: {"{"} file: audit {"}"}
            shutdown: {"{"} grace: {Grace} {"}"}
            {Extra}
            """);
        return file;
    }

    private static string Indent(string text, int by) =>
        string.Join('\n', text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => new string(' ', by) + line));
}
