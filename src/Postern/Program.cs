using Postern.Commands;

namespace Postern;

internal static class Program
{
    private static Task<int> Main(string[] arguments)
    {
        // The runtime reads these when the first socket is made and the first buffer rented, and offers no other switch. Whoever sets them himself is left alone.

        // What a socket read is handled where it was read, a tenth less CPU per call (bench/load). It holds as long as nobody blocks in such a continuation, and
        // on this path nobody may.
        SetUnlessSet("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

        // HttpClient holds a 64 KB buffer for each request whose head isn't written yet. A burst of polls holds hundreds; those that the pool doesn't keep (by
        // default it keeps 32 for each core) are garbage that would stay resident under the idle polls: 6 KB for each of 5,000 (bench/load).
        SetUnlessSet("DOTNET_SYSTEM_BUFFERS_SHAREDARRAYPOOL_MAXARRAYSPERPARTITION", "256");

        return CommandLine.RunAsync(arguments, Console.Out, Console.Error);
    }

    private static void SetUnlessSet(string name, string value)
    {
        if (Environment.GetEnvironmentVariable(name) is null)
        {
            Environment.SetEnvironmentVariable(name, value);
        }
    }
}
