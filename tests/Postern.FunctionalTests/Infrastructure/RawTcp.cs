using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Sends bytes as they are and reads whatever comes back until the peer closes or has said enough.</summary>
internal static class RawTcp
{
    /// <summary>Everything the peer said until it closed the connection.</summary>
    /// <param name="address">The peer.</param>
    /// <param name="text">What is said.</param>
    /// <param name="tls">How, over TLS.</param>
    /// <param name="ends">False where the peer would take the end of what is said for a client that left: it must close by itself then.</param>
    public static async Task<string> SayAsync(string address, string text, SslClientAuthenticationOptions? tls = null, bool ends = true)
    {
        var colon = address.LastIndexOf(':');
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(address[..colon], int.Parse(address[(colon + 1)..]));
        Stream stream = tcp.GetStream();
        if (tls is not null)
        {
            var secured = new SslStream(stream);
            await secured.AuthenticateAsClientAsync(tls);
            stream = secured;
        }

        await using (stream)
        {
            using var deadline = new CancellationTokenSource(RawHttp2.Deadline);
            using var said = new MemoryStream();
            try
            {
                await stream.WriteAsync(Encoding.Latin1.GetBytes(text), deadline.Token);
                // Nothing more will come from here: a server that waits for the rest of a message sees the end.
                if (ends)
                {
                    tcp.Client.Shutdown(SocketShutdown.Send);
                }

                await stream.CopyToAsync(said, deadline.Token);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // Reset by the peer: what it said before still counts.
            }

            return Encoding.Latin1.GetString(said.ToArray());
        }
    }
}
