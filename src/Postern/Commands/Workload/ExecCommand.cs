using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Postern.Client;
using Postern.Commands.Terminal;

namespace Postern.Commands.Workload;

/// <summary>
/// <c>postern exec -- command</c>: runs a program with a fresh token in its environment and in a file, and keeps the file fresh while it runs.
/// </summary>
internal static class ExecCommand
{
    private const int CannotRun = 127;

    private static readonly Argument<string[]> Program = new("command") { Description = "The program and its arguments, behind --.", Arity = ArgumentArity.OneOrMore };

    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "exec",
            "Runs a program with a fresh token: in TEMPORAL_API_KEY, PREFECT_API_AUTH_STRING and POSTERN_TOKEN as it is at the start, and in the file named by POSTERN_TOKEN_FILE, "
            + "which is replaced ahead of each token's end. Ends with the program's exit code.",
            "postern exec --gate https://postern.example.com:7233 --account ci --key-file /run/secrets/postern -- temporal workflow list",
            "postern exec --profile prod -- prefect flow-run ls    # as whoever ran postern login",
            "postern exec --workload-file /var/run/secrets/tokens/postern -- python worker.py    # reads POSTERN_TOKEN_FILE again and again")
        {
            Program,
        };
        foreach (var option in WorkloadIdentity.Options)
        {
            command.Add(option);
        }

        command.SetAction((parsed, cancellation) => RunAsync(parsed, time, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, TimeProvider time, CancellationToken cancellation)
    {
        var output = new CommandOutput(parsed);
        await using var source = WorkloadIdentity.Read(parsed, time, out var wrong);
        if (source is null)
        {
            output.Words(wrong);
            return ExitCodes.Usage;
        }

        var folder = Directory.CreateTempSubdirectory("postern-exec-").FullName;
        var file = Path.Combine(folder, "token");
        try
        {
            var feeding = await source.FeedAsync(token => PrivateFile.Write(file, token.Value), failed => output.Words($"postern: no new token yet: {failed.Message}"), cancellation);
            using var process = Start(parsed.GetRequiredValue(Program), source.Current!.Value, file);
            using var signals = Forward(process);
            // A full disk must not go unnoticed: the program would go on with a token that has ended.
            var ended = process.WaitForExitAsync(CancellationToken.None);
            if (await Task.WhenAny(ended, feeding) == feeding && feeding.IsFaulted)
            {
                output.Words($"postern: the token can't be kept fresh: {feeding.Exception.InnerException!.Message}");
            }

            await ended;
            return process.ExitCode;
        }
        catch (PosternTokenException e)
        {
            output.Words(e.Message);
            return ExitCodes.Failed;
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException or UnauthorizedAccessException)
        {
            output.Words($"{parsed.GetRequiredValue(Program)[0]} can't be run: {e.Message}");
            return CannotRun;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Process Start(string[] program, string token, string file)
    {
        var start = new ProcessStartInfo(program[0], program[1..]) { UseShellExecute = false };
        // Names that the engines' own tools and SDKs read.
        start.Environment["TEMPORAL_API_KEY"] = token;
        // Prefect sends a PREFECT_API_KEY over HTTP only; without it its WebSockets are nobody's.
        start.Environment["PREFECT_API_AUTH_STRING"] = PrefectProfile.AuthOf(token);
        start.Environment.Remove("PREFECT_API_KEY");
        start.Environment["POSTERN_TOKEN"] = token;
        start.Environment["POSTERN_TOKEN_FILE"] = file;
        // What the tokens are made of is not for the program.
        start.Environment.Remove("POSTERN_KEY");
        return Process.Start(start)!;
    }

    // A signal that ends this process ends the program first; a terminal sends Ctrl-C to both by itself.
    private static Signals Forward(Process process) => new(
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            _ = Kill(process.Id, Terminate);
        }),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, static context => context.Cancel = true));

    private const int Terminate = 15;

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);

    private sealed class Signals(params IReadOnlyList<PosixSignalRegistration> registrations) : IDisposable
    {
        public void Dispose()
        {
            foreach (var registration in registrations)
            {
                registration.Dispose();
            }
        }
    }
}
