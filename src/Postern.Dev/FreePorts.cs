using System.Net;
using System.Net.Sockets;

namespace Postern.Dev;

/// <summary>
/// Ports that were free a moment ago. The parts name each other's addresses in their settings, so the numbers must be known before anybody listens; whoever
/// loses one to another process meanwhile fails to start and says so.
/// </summary>
internal static class FreePorts
{
    public static int[] Take(int count)
    {
        // All are held until the last is found, or the same number could come twice.
        var held = new List<Socket>(count);
        try
        {
            for (var i = 0; i < count; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                held.Add(socket);
                socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            }

            return [.. held.Select(socket => ((IPEndPoint)socket.LocalEndPoint!).Port)];
        }
        finally
        {
            held.ForEach(socket => socket.Dispose());
        }
    }
}
