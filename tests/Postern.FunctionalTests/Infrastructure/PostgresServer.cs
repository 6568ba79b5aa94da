using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>
/// A real PostgreSQL, made for one run of the tests and gone afterwards: own folder, own port on loopback. It refuses to run as root, so it then runs as the
/// user that its package made.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private const string User = "postgres";
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"postern-pg-{Guid.NewGuid():N}");
    private readonly int _port = FreePort();
    private readonly string _tools = Tools();
    private int _databases;

    private string Data => Path.Combine(_folder, "data");

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(_folder);
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", User, _folder);
        }

        await RunToolAsync("initdb", "-D", Data, "-U", User, "-A", "trust", "--no-sync", "--encoding=UTF8", "--locale=C");
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_folder, recursive: true);
    }

    public Task StartAsync() => RunToolAsync(
        "pg_ctl", "-D", Data, "-w", "-s", "-l", Path.Combine(_folder, "log"), "-o", $"-h 127.0.0.1 -p {_port} -k {_folder} -c fsync=off -c max_connections=200", "start");

    public Task StopAsync() => RunToolAsync("pg_ctl", "-D", Data, "-w", "-s", "-m", "fast", "stop");

    /// <summary>A new, empty database's connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test{Interlocked.Increment(ref _databases)}";
        await using var source = NpgsqlDataSource.Create(ConnectionString(User) + ";Pooling=false");
        await using var command = source.CreateCommand($"CREATE DATABASE {name}");
        await command.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    private string ConnectionString(string database) => $"Host=127.0.0.1;Port={_port};Database={database};Username={User}";

    private Task RunToolAsync(string tool, params string[] arguments) => Environment.IsPrivilegedProcess
        ? RunAsync("setpriv", [$"--reuid={User}", $"--regid={User}", "--init-groups", Path.Combine(_tools, tool), .. arguments])
        : RunAsync(Path.Combine(_tools, tool), arguments);

    // The server inherits what its starter has open: pipes would never end, so output goes nowhere but to files of the server's own.
    private static async Task RunAsync(string file, params string[] arguments)
    {
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = "/" };
        foreach (var argument in (string[])["-c", "exec \"$@\" >/dev/null </dev/null", "sh", file, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        await process.WaitForExitAsync().WaitAsync(RawHttp2.Deadline);
        Assert.True(process.ExitCode == 0, $"{file} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
    }

    private static string Tools()
    {
        var versions = Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql") : [];
        return versions.Select(v => Path.Combine(v, "bin")).Where(b => File.Exists(Path.Combine(b, "initdb"))).MaxBy(b => b, StringComparer.Ordinal)
            ?? throw new InvalidOperationException("PostgreSQL is needed and not installed; ./test installs it (Debian: package postgresql).");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>Tests that share the one server run one after the other: some of them stop it.</summary>
[CollectionDefinition(nameof(PostgresServer))]
public sealed class PostgresTests : ICollectionFixture<PostgresServer>;
