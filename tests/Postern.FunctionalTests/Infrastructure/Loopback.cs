using System.Net;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Addresses of this host: all of 127.0.0.0/8 is. Each client gets one, so that what is counted per source doesn't run together.</summary>
internal static class Loopback
{
    private static int s_last;

    public static IPAddress Next()
    {
        var number = Interlocked.Increment(ref s_last);
        return new IPAddress([127, (byte)(1 + (number / 62_500)), (byte)(number / 250), (byte)(1 + (number % 250))]);
    }
}
