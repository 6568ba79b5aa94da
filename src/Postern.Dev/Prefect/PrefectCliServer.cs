using System.Diagnostics;

namespace Postern.Dev.Prefect;

/// <summary>Prefect's own server, as a child process: the same story in front of the real thing.</summary>
internal sealed class PrefectCliServer : IAsyncDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(120);

    private readonly Process _process;

    private PrefectCliServer(Process process) => _process = process;

    /// <summary>Starts it on a database of its own and waits until it is ready.</summary>
    /// <exception cref="DevSetupException">There is no such program, or it ends by itself.</exception>
    public static async Task<PrefectCliServer> StartAsync(DevHostOptions options, CancellationToken cancellation)
    {
        var program = TemporalCliServer.Find("prefect") ?? throw new DevSetupException("--prefect prefect-cli needs Prefect on PATH (pip install prefect), and there is no 'prefect' there.");
        var start = new ProcessStartInfo(program)
        {
            ArgumentList = { "server", "start", "--host", "127.0.0.1", "--port", options.Ports.Prefect.ToString(null, null) },
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["PREFECT_HOME"] = Path.Combine(options.Folder, "prefect"),
                ["PREFECT_SERVER_API_AUTH_STRING"] = DevFiles.PrefectAuthString(options.Folder),
                ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false",
                ["PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED"] = "true",
                ["PREFECT_LOGGING_SERVER_LEVEL"] = "ERROR",
                // The UI asks the gate, not the server.
                ["PREFECT_SERVER_UI_API_URL"] = $"http://127.0.0.1:{options.Ports.OAuth}/api",
            },
        };
        var process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, line) => Console.Error.WriteLine(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new PrefectCliServer(process);
        try
        {
            await server.WaitAsync(new Uri($"http://127.0.0.1:{options.Ports.Prefect}/api/ready"), cancellation);
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

    private async Task WaitAsync(Uri ready, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(StartTime);
        using var http = new HttpClient();
        while (true)
        {
            try
            {
                using var answer = await http.GetAsync(ready, patience.Token);
                if (answer.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException) when (!_process.HasExited)
            {
                // Not listening yet.
            }
            catch (Exception e) when (e is HttpRequestException || !cancellation.IsCancellationRequested)
            {
                throw new DevSetupException(_process.HasExited ? $"'prefect server start' ended with exit code {_process.ExitCode}." : "'prefect server start' doesn't become ready.", e);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, CancellationToken.None);
        }
    }
}
