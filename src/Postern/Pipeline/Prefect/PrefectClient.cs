using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Postern.Engines.Prefect;
using Postern.Forwarding;

namespace Postern.Pipeline.Prefect;

/// <summary>The gate's own questions to a Prefect server, in its own name.</summary>
internal sealed class PrefectClient(HttpForwarding http, PrefectCredential credential)
{
    // A decision waits for the answer, and its client for the decision.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private const int LongestAnswer = 8 * 1024 * 1024;

    /// <summary>
    /// The answer's JSON; a null element where the server says that there is no such thing (404); null where it can't be asked.
    /// </summary>
    public async Task<JsonElement?> AskAsync(HttpMethod method, string target, byte[]? body)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            using var request = new HttpRequestMessage(method, http.Address + target);
            if (credential.Current.Authorization is { } authorization)
            {
                request.Headers.TryAddWithoutValidation("Authorization", authorization);
            }

            if (body is not null)
            {
                request.Content = new ByteArrayContent(body);
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            }

            using var answer = await http.Invoker.SendAsync(request, patience.Token);
            if (answer.StatusCode == HttpStatusCode.NotFound)
            {
                return default(JsonElement);
            }

            if (!answer.IsSuccessStatusCode || answer.Content.Headers.ContentLength > LongestAnswer)
            {
                return null;
            }

            using var document = await JsonDocument.ParseAsync(await answer.Content.ReadAsStreamAsync(patience.Token), default, patience.Token);
            return document.RootElement.Clone();
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException or JsonException)
        {
            return null;
        }
    }
}
