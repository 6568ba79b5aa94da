using System.Security.Cryptography;
using Postern.Commands.Terminal;

namespace Postern.Dev;

/// <summary>The gate's files in postern-dev's folder.</summary>
internal static class DevFiles
{
    private const string PrefectAuthFile = "prefect-auth";

    /// <summary>The <c>aud</c> of the gate's minted tokens; the embedded engine demands it.</summary>
    public const string EngineAudience = "postern-dev";

    public static string ConfigPath(string folder) => Path.Combine(folder, "postern.yaml");

    public static string PolicyPath(string folder) => Path.Combine(folder, "policy.yaml");

    public static string AuditFolder(string folder) => Path.Combine(folder, "audit");

    /// <summary>What the gate presents to the Prefect server: made on first start, so that nobody else knows it.</summary>
    public static string PrefectAuthString(string folder)
    {
        var path = Path.Combine(folder, PrefectAuthFile);
        if (!File.Exists(path))
        {
            PrivateFile.Write(path, $"postern:{RandomNumberGenerator.GetHexString(32, lowercase: true)}");
        }

        return File.ReadAllText(path);
    }

    /// <summary>Writes <c>postern.yaml</c>, each time, since it holds the ports; and <c>policy.yaml</c> where there is none, since it belongs to whoever edits it.</summary>
    public static void Write(DevHostOptions options)
    {
        _ = PrefectAuthString(options.Folder);
        // Beside and then over it: a gate of another process may be reading.
        var path = ConfigPath(options.Folder);
        File.WriteAllText(path + ".new", Config(options));
        File.Move(path + ".new", path, overwrite: true);
        if (!File.Exists(PolicyPath(options.Folder)))
        {
            File.WriteAllText(PolicyPath(options.Folder), FirstPolicy);
        }
    }

    private static string Config(DevHostOptions options)
    {
        const string secret = "${file:" + PrefectAuthFile + "}";
        var (engine, credential) = options.Engine.Address is { } address
            ? (address, "none")
            : ($"127.0.0.1:{options.Ports.Engine}", options.Engine == DevEngineChoice.Embedded ? $"{{ mint: {{ audience: {EngineAudience} }} }}" : "none");
        return $$"""
            # The gate's configuration. postern-dev writes it at every start; it is what `postern serve` reads on a server too.
            listen:
              - address: 127.0.0.1:{{options.Ports.Gate}}
              - { address: 127.0.0.1:{{options.Ports.OAuth}}, protocol: http }
            admin: { address: 127.0.0.1:{{options.Ports.Admin}} }
            keys: { address: 127.0.0.1:{{options.Ports.Keys}} }
            data: gate
            engines:
              temporal:
                - name: dev
                  addresses: ["{{engine}}"]
                  credential: {{credential}}
              prefect:
                - name: main
                  address: http://127.0.0.1:{{options.Ports.Prefect}}
                  credential: { authString: "{{secret}}" }
            identity:
              issuers:
                - name: dev
                  issuer: http://127.0.0.1:{{options.Ports.Identity}}
                  audiences: [postern]
                  groups: groups
                  kind: { claim: kind, service: [service], agent: [agent] }
              accounts: enabled
            tokens: { issuer: "http://127.0.0.1:{{options.Ports.OAuth}}" }
            policy: [policy.yaml]
            audit: { file: audit }

            """;
    }

    private const string FirstPolicy =
        """
        # Who may do what, where. Edit and save: the next call is judged by it. What no binding allows is refused.
        bindings:
          - who:   [group:payments]
            role:  developer
            where: { temporal: payments }
          - who:   [group:support]
            role:  viewer
            where: { temporal: payments }
          - who:   [account:dev/payments-worker]
            role:  worker
            where: { temporal: payments, taskQueue: "payments*" }
          - who:   [account:dev/payroll-worker]
            role:  worker
            where: { temporal: payroll, taskQueue: "payroll*" }
          - who:   [agent:dev/report-agent]
            role:  runner
            where: { temporal: payments, workflowType: [Report, Refund] }
          - who:   [group:platform]
            role:  admin
            where: { temporal: "*" }
          - who:   [group:platform]
            role:  admin
            scope: cluster
          # The same people and accounts at the Prefect server.
          - who:   [group:payments]
            role:  developer
            where: { prefect: main }
          - who:   [group:support]
            role:  viewer
            where: { prefect: main, flow: "refund*" }
          - who:   [account:dev/payments-worker]
            role:  worker
            where: { prefect: main, workPool: "payments*" }
          - who:   [agent:dev/report-agent]
            role:  runner
            where: { prefect: main, deployment: "report*" }
          - who:   [group:platform]
            role:  admin
            where: { prefect: main }
          # An account of the gate's own, if you make one of this name: postern account create --help
          - who:   [account:refund-worker]
            role:  worker
            where: { temporal: payments, taskQueue: "payments*" }
          - who:   [account:refund-worker]
            role:  worker
            where: { prefect: main, workPool: "payments*" }

        tests:
          - caller: { user: alice@example.com, groups: [payments] }
            call:   temporal/StartWorkflowExecution
            with:   { namespace: payments, workflowType: Refund, taskQueue: payments }
            expect: allow
          - caller: { user: alice@example.com, groups: [payments] }
            call:   temporal/StartWorkflowExecution
            with:   { namespace: payroll, workflowType: Refund, taskQueue: payroll }
            expect: deny
          - caller: { account: payments-worker, issuer: dev }
            call:   temporal/PollWorkflowTaskQueue
            with:   { namespace: payments, taskQueue: payroll }
            expect: deny
          - caller: { user: alice@example.com, groups: [payments] }
            call:   prefect/create_flow_run_from_deployment
            with:   { prefect: main, deployment: nightly, flow: refund, workPool: payments }
            expect: allow
          - caller: { agent: report-agent, issuer: dev }
            call:   prefect/create_flow_run_from_deployment
            with:   { prefect: main, deployment: nightly, flow: refund, workPool: payments }
            expect: deny

        """;
}
