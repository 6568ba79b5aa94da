using System.Net.Http.Headers;
using System.Text;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>A whole gate with a stand-in Prefect server behind its HTTP listener.</summary>
internal sealed class PrefectGate : IAsyncDisposable
{
    /// <summary>What the gate presents to the server.</summary>
    public const string AuthString = "admin:upstream-secret";

    /// <summary>alice develops, bob views, pool-worker works in one pool, etl-viewer sees one flow's things, root may everything.</summary>
    public const string Policy = """
        bindings:
          - { who: ["user:alice"], role: developer, where: { prefect: main } }
          - { who: ["user:bob"], role: viewer, where: { prefect: main } }
          - { who: ["user:runner"], role: runner, where: { prefect: main } }
          - { who: ["user:worker"], role: worker, where: { prefect: main } }
          - { who: ["user:pool-worker"], role: worker, where: { prefect: main, workPool: procs } }
          - { who: ["user:pool-viewer"], role: viewer, where: { prefect: main, workPool: procs } }
          - { who: ["user:etl-viewer"], role: viewer, where: { prefect: main, flow: etl } }
          - { who: ["user:nightly-runner"], role: runner, where: { prefect: main, deployment: "nightly*" } }
          - { who: ["user:root"], role: admin, where: { prefect: main } }
        """;

    private PrefectGate(Gate gate, StubPrefect server)
    {
        Gate = gate;
        Server = server;
        Http = new HttpClient();
    }

    public Gate Gate { get; }

    public StubPrefect Server { get; }

    /// <summary>Speaks to the gate without a credential of its own.</summary>
    public HttpClient Http { get; }

    /// <summary>Where Prefect's clients connect.</summary>
    public string Address => Gate.Listener(1);

    /// <param name="script">What the server answers.</param>
    /// <param name="with">Changes to the gate's set-up.</param>
    /// <param name="credential">YAML of what the gate presents.</param>
    /// <param name="isCaching">Whether the gate may answer by itself what it heard before; most tests look at what the server gets.</param>
    /// <param name="extra">Further keys of the engine's entry, one per line.</param>
    public static async Task<PrefectGate> StartAsync(
        Func<ArrivedRequest, PrefectAnswer>? script = null, Func<GateSetup, GateSetup>? with = null, string credential = "{ authString: \"" + AuthString + "\" }", string extra = "", bool isCaching = false)
    {
        var server = StubPrefect.Start(script);
        var setup = new GateSetup
        {
            EngineName = "temporal",
            PolicyText = Policy,
            Listen = """- { address: "127.0.0.1:0", protocol: http }""",
            OtherEngines = $$"""
                prefect:
                  - name: main
                    address: "http://{{server.Address}}"
                    credential: {{credential}}
                    cache: {{(isCaching ? "true" : "false")}}
                {{string.Join('\n', extra.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => "    " + line))}}
                """,
        };
        return new PrefectGate(await Gate.StartAsync(with?.Invoke(setup) ?? setup), server);
    }

    /// <summary>Sends one request as a user of the test issuer, and reads its answer.</summary>
    public async Task<PrefectReply> SendAsync(string method, string target, string? user, string? json = null, Action<HttpRequestMessage>? with = null, CancellationToken? cancellation = null)
    {
        var ending = cancellation ?? TestContext.Current.CancellationToken;
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri($"http://{Address}{target}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        if (user is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Gate.Issuer.Token(user));
        }

        if (json is not null)
        {
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        }

        with?.Invoke(request);
        using var answer = await Http.SendAsync(request, ending);
        return new PrefectReply((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(ending), answer.Headers.NonValidated.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase));
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Gate.DisposeAsync();
        await Server.DisposeAsync();
    }
}

/// <summary>What came back.</summary>
internal sealed record PrefectReply(int Status, string Text, IReadOnlyDictionary<string, string> Headers);
