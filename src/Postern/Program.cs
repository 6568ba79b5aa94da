using Postern.Commands;

namespace Postern;

internal static class Program
{
    private static Task<int> Main(string[] arguments)
    {
        // The runtime reads it when the first socket is made, and offers no other switch: what a socket read is handled where it was read, a tenth less CPU per
        // call (bench/load). It holds as long as nobody blocks in such a continuation, and on this path nobody may. Whoever sets it himself is left alone.
        if (Environment.GetEnvironmentVariable(InlineCompletions) is null)
        {
            Environment.SetEnvironmentVariable(InlineCompletions, "1");
        }

        return CommandLine.RunAsync(arguments, Console.Out, Console.Error);
    }

    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
}
