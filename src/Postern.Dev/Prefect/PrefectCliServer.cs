using System.Diagnostics;

namespace Postern.Dev.Prefect;

/// <summary>Prefect's own server, as a child process: the same story in front of the real thing.</summary>
internal static class PrefectCliServer
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(120);

    /// <summary>Starts it on a database of its own and waits until it is ready.</summary>
    /// <exception cref="DevSetupException">There is no such program, or it ends by itself.</exception>
    public static async Task<ChildProgram> StartAsync(DevHostOptions options, CancellationToken cancellation)
    {
        var program = ChildProgram.Find("prefect") ?? throw new DevSetupException("--prefect prefect-cli needs Prefect on PATH (pip install prefect), and there is no 'prefect' there.");
        var start = new ProcessStartInfo(program)
        {
            ArgumentList = { "server", "start", "--host", "127.0.0.1", "--port", options.Ports.Prefect.ToString(null, null) },
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
        return await ChildProgram.StartAsync(start, child => WaitAsync(child, new Uri($"http://127.0.0.1:{options.Ports.Prefect}/api/ready"), cancellation));
    }

    private static async Task WaitAsync(ChildProgram child, Uri ready, CancellationToken cancellation)
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
            catch (HttpRequestException) when (!child.HasExited)
            {
                // Not listening yet.
            }
            catch (Exception e) when (e is HttpRequestException || !cancellation.IsCancellationRequested)
            {
                throw new DevSetupException(child.HasExited ? $"'prefect server start' ended with exit code {child.ExitCode}." : "'prefect server start' doesn't become ready.", e);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, CancellationToken.None);
        }
    }
}
