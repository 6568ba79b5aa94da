using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>An administrator's script: HTTP against a gate's admin listener with one credential, everything else as the test says.</summary>
internal sealed class ManagementApiClient(Gate gate, string? token) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });

    public Task<ApiAnswer> GetAsync(string path) => SendAsync("GET", path);

    public Task<ApiAnswer> PostAsync(string path, string? body = null) => SendAsync("POST", path, body);

    public Task<ApiAnswer> PutAsync(string path, string body, string? match = "*") => SendAsync("PUT", path, body, match);

    public Task<ApiAnswer> DeleteAsync(string path, string? match = "*") => SendAsync("DELETE", path, null, match);

    public async Task<ApiAnswer> SendAsync(string method, string path, string? body = null, string? match = null, string contentType = "application/json")
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), $"http://{gate.AdminAddress}{path}");
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (match is not null)
        {
            Assert.True(request.Headers.TryAddWithoutValidation("If-Match", match));
        }

        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, contentType);
        }

        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return new ApiAnswer(
            (int)response.StatusCode, text, response.Headers.ETag?.ToString(), response.Headers.ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase),
            response.Content.Headers.ContentType?.MediaType);
    }

    /// <summary>Makes an account that must not be there yet.</summary>
    public async Task<ApiAnswer> AccountAsync(string name, string more = "") => (await PostAsync("/v1/accounts", $$"""{"name":"{{name}}"{{more}}}""")).Is(201);

    /// <summary>Makes a key; answers its id and text.</summary>
    public async Task<(string Id, string Text)> KeyAsync(string account, string body = "{}")
    {
        var made = (await PostAsync($"/v1/accounts/{account}/keys", body)).Is(201).Json;
        return (made.GetProperty("key").GetProperty("id").GetString()!, made.GetProperty("text").GetString()!);
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>What the management API answered.</summary>
internal sealed record ApiAnswer(int Status, string Text, string? ETag, IReadOnlyDictionary<string, string> Headers, string? MediaType)
{
    public JsonElement Json
    {
        get
        {
            using var document = JsonDocument.Parse(Text);
            return document.RootElement.Clone();
        }
    }

    public string? this[string member] => Json.TryGetProperty(member, out var value) && value.ValueKind != JsonValueKind.Null ? value.ToString() : null;

    /// <summary>The problem's own word.</summary>
    public string? Problem => MediaType == "application/problem+json" ? this["type"]!.Split(':')[^1] : null;

    public ApiAnswer Is(int status)
    {
        Assert.True(Status == status, $"{Status}: {Text}");
        return this;
    }

    /// <summary>A problem of RFC 9457 with the status and its word.</summary>
    public ApiAnswer IsProblem(int status, string word)
    {
        Is(status);
        Assert.Equal("application/problem+json", MediaType);
        Assert.Equal(word, Problem);
        Assert.Equal(status.ToString(System.Globalization.CultureInfo.InvariantCulture), this["status"]);
        Assert.Contains($"[call {this["callId"]}]", this["detail"], StringComparison.Ordinal);
        return this;
    }
}
