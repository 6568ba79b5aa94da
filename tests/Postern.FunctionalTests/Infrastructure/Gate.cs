using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Engines.Temporal;
using Postern.Hosting;
using Postern.Pipeline;
using Postern.Tokens;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>A whole gate in a folder of its own: real listeners, real files, a stand-in engine behind it and a test issuer beside it.</summary>
internal sealed class Gate : IAsyncDisposable
{
    private readonly GateSetup _setup;
    private PosternHost _host;
    private bool _stopped;
    private TaskSealing? _sealing;

    private Gate(GateSetup setup, string folder, PosternHost host, StubEngine engine, TestIssuer issuer, LogCapture logs)
    {
        _setup = setup;
        _host = host;
        Folder = folder;
        Engine = engine;
        Issuer = issuer;
        Logs = logs;
        Audit = new AuditFolder(Path.Combine(folder, "audit"));
        Client = new GrpcClient(GrpcAddress);
    }

    public string Folder { get; }

    public StubEngine Engine { get; }

    public TestIssuer Issuer { get; }

    public LogCapture Logs { get; }

    public AuditFolder Audit { get; }

    public GrpcClient Client { get; private set; }

    public string GrpcAddress => _host.Addresses[0].ToString();

    public string AdminAddress => _host.AdminAddress.ToString();

    public string KeysAddress => _host.KeysAddress.ToString();

    public string ConfigFile => Path.Combine(Folder, "postern.yaml");

    public string PolicyFile => Path.Combine(Folder, "policy.yaml");

    public static Task<Gate> StartAsync() => StartAsync(new GateSetup());

    public static async Task<Gate> StartAsync(GateSetup setup)
    {
        var folder = Directory.CreateTempSubdirectory("postern-").FullName;
        var issuer = setup.Issuer ?? await TestIssuer.StartAsync();
        var engine = await StubEngine.StartAsync(setup.Script);
        var logs = new LogCapture();
        var file = setup.Write(folder, issuer.Url, engine.Address);
        return new Gate(setup, folder, await StartHostAsync(file, logs), engine, issuer, logs);
    }

    /// <summary>A task token as the gate hands it out: sealed with the gate's own keys.</summary>
    public Google.Protobuf.ByteString SealedToken(TaskKind kind, string @namespace = "payments", string queue = "payments", string token = "token") =>
        Google.Protobuf.ByteString.CopyFrom(Sealing.Seal(System.Text.Encoding.UTF8.GetBytes(token), new TaskFacts(kind, @namespace, queue)));

    /// <summary>Seals and opens as any gate with the same keys does.</summary>
    public TaskSealing Sealing => _sealing ??= new TaskSealing(new SealKeys(Path.Combine(Folder, "data", "keys", "seal"), TimeProvider.System, NullLogger.Instance), "main");

    public Task<RawHttp2> ConnectAsync() => RawHttp2.ConnectAsync(GrpcAddress);

    public string Listener(int index) => _host.Addresses[index].ToString();

    /// <summary>Asks the running gate to read its files again, as an administrator does; the answer says whether it took them.</summary>
    public async Task<(int Status, string Text)> ReloadAsync()
    {
        using var http = new HttpClient();
        using var response = await http.PostAsync(new Uri($"http://{AdminAddress}/reload"), null);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>Writes the policy and reloads; the gate must take it.</summary>
    public async Task SetPolicyAsync(string text)
    {
        await File.WriteAllTextAsync(PolicyFile, text);
        var (status, answer) = await ReloadAsync();
        Assert.True(status is >= 200 and < 300, answer);
    }

    public async Task<string> AdminAsync(string path)
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(new Uri($"http://{AdminAddress}{path}"));
    }

    /// <summary>Ends the gate and starts it again on the same folder; ports change.</summary>
    public async Task RestartAsync()
    {
        await _host.DisposeAsync();
        _host = await StartHostAsync(ConfigFile, Logs);
        Client.Dispose();
        Client = new GrpcClient(GrpcAddress);
    }

    /// <summary>Ends the gate as SIGTERM would, within its grace, and starts it again on the same folder; ports change.</summary>
    public async Task RollAsync()
    {
        await _host.StopAsync();
        await RestartAsync();
    }

    /// <summary>Ends the gate as SIGTERM would: within its grace.</summary>
    public async Task StopAsync()
    {
        if (!_stopped)
        {
            _stopped = true;
            await _host.StopAsync();
            await _host.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!_stopped)
        {
            // Nobody waits for open polls here: the drain has tests of its own.
            _stopped = true;
            await _host.DisposeAsync();
        }

        await Engine.DisposeAsync();
        if (_setup.Issuer is null)
        {
            await Issuer.DisposeAsync();
        }

        Directory.Delete(Folder, recursive: true);
        Assert.False(Logs.Unexpected.Any(), string.Join('\n', Logs.Unexpected));
    }

    private static Task<PosternHost> StartHostAsync(string file, LogCapture logs) =>
        PosternHost.StartAsync(file, LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(logs)), TimeProvider.System, CancellationToken.None);
}
