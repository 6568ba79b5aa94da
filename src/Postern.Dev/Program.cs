namespace Postern.Dev;

internal static class Program
{
    private static Task<int> Main(string[] arguments) => new DevCommand().Build().Parse(arguments).InvokeAsync();
}
