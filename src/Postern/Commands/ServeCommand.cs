using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Postern.Configuration;
using Postern.Hosting;

namespace Postern.Commands;

/// <summary><c>postern serve</c>: the gate itself, until a signal ends it.</summary>
internal static class ServeCommand
{
    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "serve",
            "Runs the gate. SIGHUP, a changed file or POST /reload on the admin listener reloads; SIGTERM or SIGINT ends it gently, a second one at once.",
            "postern serve --config /etc/postern/postern.yaml",
            "kill -HUP $(pidof postern)        # reload: a configuration with errors changes nothing")
        {
            CommonOptions.Config,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            var output = new CommandOutput(parsed);
            using var loggers = CreateLoggers();
            try
            {
                await RunAsync(parsed.GetValue(CommonOptions.Config)!, loggers, time, cancellation);
                return ExitCodes.Ok;
            }
            catch (InvalidConfigurationException e)
            {
                foreach (var problem in e.Problems)
                {
                    output.Words(problem.ToString());
                }

                return ExitCodes.Invalid;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException or FormatException)
            {
                output.Words(e.Message);
                return ExitCodes.Failed;
            }
        });
        return command;
    }

    /// <summary>Logs go to stderr: a line per event for people on a terminal, JSON for machines otherwise.</summary>
    public static ILoggerFactory CreateLoggers() => LoggerFactory.Create(logging =>
    {
        logging.SetMinimumLevel(LogLevel.Information);
        // The framework's own words are about its insides; its warnings count.
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("System", LogLevel.Warning);
        logging.AddFilter("Yarp", LogLevel.Warning);
        if (Console.IsErrorRedirected)
        {
            logging.AddJsonConsole(console => (console.UseUtcTimestamp, console.TimestampFormat) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ"));
        }
        else
        {
            logging.AddSimpleConsole(console => (console.SingleLine, console.UseUtcTimestamp, console.TimestampFormat) = (true, true, "HH:mm:ss.fff "));
        }

        logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    });

    private static async Task RunAsync(string configuration, ILoggerFactory loggers, TimeProvider time, CancellationToken cancellation)
    {
        var ending = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var hurry = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        void End(PosixSignalContext context)
        {
            context.Cancel = true;
            if (!ending.TrySetResult())
            {
                hurry.Cancel();
            }
        }

        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        await using var host = await PosternHost.StartAsync(configuration, loggers, time, cancellation);
        using var reload = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            _ = host.ReloadAsync(CancellationToken.None);
        });
        using var cancelled = cancellation.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), ending);
        await ending.Task;
        await host.StopAsync(hurry.Token);
    }
}
