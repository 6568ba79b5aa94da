using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Postern.Dev;

/// <summary>Temporal's own development server, as a child process: the same story in front of the real thing.</summary>
internal static class TemporalCliServer
{
    private static readonly string[] Namespaces = ["payments", "payroll"];
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(60);

    /// <summary>Starts it and waits until it accepts connections.</summary>
    /// <exception cref="DevSetupException">There is no such program, or it ends by itself.</exception>
    public static async Task<ChildProgram> StartAsync(int port, TimeProvider time, CancellationToken cancellation)
    {
        var program = ChildProgram.Find("temporal") ?? throw new DevSetupException(
            "--engine temporal-cli needs Temporal's own command line on PATH (https://docs.temporal.io/cli), and there is no 'temporal' there.");
        var start = new ProcessStartInfo(program)
        {
            ArgumentList = { "server", "start-dev", "--ip", "127.0.0.1", "--port", port.ToString(null, null), "--headless", "--log-level", "error" },
        };
        foreach (var name in Namespaces)
        {
            start.ArgumentList.Add("--namespace");
            start.ArgumentList.Add(name);
        }

        return await ChildProgram.StartAsync(start, child => WaitAsync(child, port, time, cancellation));
    }

    private static async Task WaitAsync(ChildProgram child, int port, TimeProvider time, CancellationToken cancellation)
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
            catch (SocketException) when (!child.HasExited && time.GetUtcNow() < until)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellation);
            }
            catch (SocketException e)
            {
                throw new DevSetupException(
                    child.HasExited ? $"'temporal server start-dev' ended with exit code {child.ExitCode}." : "'temporal server start-dev' doesn't accept connections.", e);
            }
        }
    }
}
