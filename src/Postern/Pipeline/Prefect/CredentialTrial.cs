using Microsoft.Extensions.Logging;
using Postern.Engines.Prefect;
using Postern.Forwarding;
using Postern.Telemetry;

namespace Postern.Pipeline.Prefect;

/// <summary>Asks a server whether it takes the credential that a reload brought, until it does: the old one serves meanwhile.</summary>
internal sealed partial class CredentialTrial(string engine, HttpForwarding http, PrefectCredential credential, ILogger logger)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private int _running;

    /// <summary>One attempt; does nothing where none is on trial or one is under way.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        if (credential.OnTrial is not { } offered || Interlocked.Exchange(ref _running, 1) == 1)
        {
            return;
        }

        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(Patience);
            // Every client asks for it, and every authenticated one may.
            using var request = new HttpRequestMessage(HttpMethod.Get, http.Address + "/api/admin/version");
            if (offered.Authorization is { } authorization)
            {
                request.Headers.TryAddWithoutValidation("Authorization", authorization);
            }

            using var answer = await http.Invoker.SendAsync(request, patience.Token);
            if (answer.IsSuccessStatusCode)
            {
                credential.Accept(offered);
                Log.Accepted(logger, engine);
            }
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            Log.Unasked(logger, engine, e.Message);
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Pipeline + 12, LogLevel.Information, "{Engine} takes the new credential: it serves from now on")]
        public static partial void Accepted(ILogger logger, string engine);

        [LoggerMessage(EventIds.Pipeline + 13, LogLevel.Debug, "{Engine} can't be asked about the new credential: {Reason}")]
        public static partial void Unasked(ILogger logger, string engine, string reason);
    }
}
