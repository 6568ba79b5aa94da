using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Postern.Dev;

/// <summary>Temporal's own development server, as a child process: the same story in front of the real thing.</summary>
internal sealed class TemporalCliServer : IAsyncDisposable
{
    private static readonly string[] Namespaces = ["payments", "payroll"];
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(60);

    private readonly Process _process;

    private TemporalCliServer(Process process) => _process = process;

    /// <summary>Starts it and waits until it accepts connections.</summary>
    /// <exception cref="DevSetupException">There is no such program, or it ends by itself.</exception>
    public static async Task<TemporalCliServer> StartAsync(int port, TimeProvider time, CancellationToken cancellation)
    {
        var program = Find("temporal") ?? throw new DevSetupException(
            "--engine temporal-cli needs Temporal's own command line on PATH (https://docs.temporal.io/cli), and there is no 'temporal' there.");
        var start = new ProcessStartInfo(program)
        {
            ArgumentList = { "server", "start-dev", "--ip", "127.0.0.1", "--port", port.ToString(null, null), "--headless", "--log-level", "error" },
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in Namespaces)
        {
            start.ArgumentList.Add("--namespace");
            start.ArgumentList.Add(name);
        }

        var process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, line) => Console.Error.WriteLine(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new TemporalCliServer(process);
        try
        {
            await server.WaitAsync(port, time, cancellation);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private async Task WaitAsync(int port, TimeProvider time, CancellationToken cancellation)
    {
        var until = time.GetUtcNow() + StartTime;
        while (true)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port, cancellation);
                return;
            }
            catch (SocketException) when (!_process.HasExited && time.GetUtcNow() < until)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellation);
            }
            catch (SocketException e)
            {
                throw new DevSetupException(
                    _process.HasExited ? $"'temporal server start-dev' ended with exit code {_process.ExitCode}." : "'temporal server start-dev' doesn't accept connections.", e);
            }
        }
    }

    /// <summary>A program on PATH; null where there is none.</summary>
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);
}
