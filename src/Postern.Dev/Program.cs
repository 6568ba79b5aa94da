namespace Postern.Dev;

internal static class Program
{
    private static int Main() => 0;
}
