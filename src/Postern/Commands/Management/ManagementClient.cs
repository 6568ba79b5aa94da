using System.CommandLine;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Postern.Admin;

namespace Postern.Commands.Management;

/// <summary>An answer of the API.</summary>
/// <param name="Exit">What a command ends with that needed it.</param>
/// <param name="Status">The HTTP status; 0 where there was none.</param>
/// <param name="Body">The body; an undefined element where there was none.</param>
/// <param name="ETag">The version of what was shown.</param>
internal sealed record ManagementResult(int Exit, int Status, JsonElement Body, string? ETag)
{
    public bool IsDone => Exit == ExitCodes.Ok;
}

/// <summary>Speaks to the management API of one gate, and says in words what went wrong.</summary>
internal sealed class ManagementClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;
    private readonly CommandOutput _output;

    private ManagementClient(Uri address, string token, CommandOutput output)
    {
        _output = output;
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = address, Timeout = Patience, MaxResponseContentBufferSize = 64 * 1024 * 1024 };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Runs a command with a client, if one can be made.</summary>
    public static async Task<int> RunAsync(ParseResult parsed, Func<ManagementClient, CommandOutput, Task<int>> run, CancellationToken cancellation)
    {
        var output = new CommandOutput(parsed);
        try
        {
            var address = ManagementOptions.Address(parsed, out var wrong);
            var (token, lacking) = address is null ? (null, wrong) : await ManagementOptions.TokenAsync(parsed, cancellation);
            if (address is null || token is null)
            {
                output.Words(lacking);
                return ExitCodes.Usage;
            }

            using var client = new ManagementClient(address, token, output);
            return await run(client, output);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            output.Words(e.Message);
            return ExitCodes.Failed;
        }
    }

    public Task<ManagementResult> GetAsync(string path, CancellationToken cancellation) => SendAsync(HttpMethod.Get, path, null, null, cancellation);

    public Task<ManagementResult> SendAsync<T>(HttpMethod method, string path, T body, JsonTypeInfo<T> type, string? match, CancellationToken cancellation) =>
        SendAsync(method, path, JsonSerializer.SerializeToUtf8Bytes(body, type), match, cancellation);

    /// <summary>Sends a call and says on stderr what went wrong; with <paramref name="isQuiet"/> not of a change that somebody else made first.</summary>
    public async Task<ManagementResult> SendAsync(HttpMethod method, string path, byte[]? body, string? match, CancellationToken cancellation, bool isQuiet = false)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        if (match is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", match);
        }

        try
        {
            using var response = await _http.SendAsync(request, cancellation);
            var text = await response.Content.ReadAsByteArrayAsync(cancellation);
            var answer = text.Length == 0 ? default : Parse(text);
            var exit = Exit(response.StatusCode);
            if (exit != ExitCodes.Ok && !(isQuiet && response.StatusCode == HttpStatusCode.PreconditionFailed))
            {
                Explain(response.StatusCode, answer);
            }

            return new ManagementResult(exit, (int)response.StatusCode, answer, response.Headers.ETag?.ToString());
        }
        catch (Exception e) when (e is HttpRequestException or JsonException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            _output.Words($"The gate's admin listener at {_http.BaseAddress} doesn't answer: {(e is OperationCanceledException ? "it took too long" : e.Message)}");
            return new ManagementResult(ExitCodes.Failed, 0, default, null);
        }
    }

    /// <summary>Reads something, changes it, and writes it with the version that was read; again where somebody else was first.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="change">Gives the body to write.</param>
    /// <param name="type">Its type.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <param name="to">Where it is written; by default where it was read.</param>
    public async Task<ManagementResult> ChangeAsync<T>(string path, Func<JsonElement, T> change, JsonTypeInfo<T> type, CancellationToken cancellation, string? to = null)
    {
        for (var turn = 1; ; turn++)
        {
            var read = await GetAsync(path, cancellation);
            if (!read.IsDone)
            {
                return read;
            }

            var written = await SendAsync(HttpMethod.Put, to ?? path, JsonSerializer.SerializeToUtf8Bytes(change(read.Body), type), read.ETag, cancellation, isQuiet: turn < 3);
            if (written.Status != (int)HttpStatusCode.PreconditionFailed || turn == 3)
            {
                return written;
            }
        }
    }

    /// <summary>Every item of every page.</summary>
    public async Task<(int Exit, IReadOnlyList<JsonElement> Items)> AllAsync(string path, CancellationToken cancellation)
    {
        var items = new List<JsonElement>();
        for (string? next = null; ;)
        {
            var page = await GetAsync($"{path}?limit=1000{(next is null ? "" : "&cursor=" + next)}", cancellation);
            if (!page.IsDone)
            {
                return (page.Exit, items);
            }

            items.AddRange(page.Body.GetProperty("items").EnumerateArray());
            next = page.Body.GetProperty("next").GetString();
            if (next is null)
            {
                return (ExitCodes.Ok, items);
            }
        }
    }

    /// <summary>One name as a segment of a path.</summary>
    public static string Segment(string name) => Uri.EscapeDataString(name);

    public void Dispose() => _http.Dispose();

    private static JsonElement Parse(byte[] text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    private static int Exit(HttpStatusCode status) => status switch
    {
        < HttpStatusCode.BadRequest => ExitCodes.Ok,
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ExitCodes.NotAllowed,
        HttpStatusCode.NotFound => ExitCodes.NotThere,
        HttpStatusCode.Conflict or HttpStatusCode.PreconditionFailed => ExitCodes.Conflict,
        HttpStatusCode.BadRequest => ExitCodes.Usage,
        _ => ExitCodes.Failed,
    };

    private void Explain(HttpStatusCode status, JsonElement body)
    {
        var problem = body.ValueKind == JsonValueKind.Object ? body.Deserialize(ManagementJson.Default.ProblemBody) : null;
        _output.Words(problem is null ? $"The gate answered {(int)status}." : $"{problem.Title}: {problem.Detail}");
    }
}
