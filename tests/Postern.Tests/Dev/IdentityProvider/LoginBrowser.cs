using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Tests.Dev.IdentityProvider;

/// <summary>A program and the person's browser, as the identity provider meets them.</summary>
internal sealed class LoginBrowser(string issuer) : IDisposable
{
    public const string Verifier = "a-verifier-of-at-least-forty-three-characters-0";
    public const string Callback = "http://127.0.0.1:4711/callback";

    private readonly HttpClient _http = new(new HttpClientHandler { AllowAutoRedirect = false });

    public void Dispose() => _http.Dispose();

    public Task<HttpResponseMessage> GetAsync(string url) => _http.GetAsync(url, TestContext.Current.CancellationToken);

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request) => _http.SendAsync(request, TestContext.Current.CancellationToken);

    public async Task<(string Code, Dictionary<string, string> Answer)> LogInAsync(string user)
    {
        using var answer = await PostAsync("/login", new() { ["login"] = await OpenLoginAsync(), ["user"] = user });
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.StartsWith(Callback + "?", answer.Headers.Location!.OriginalString, StringComparison.Ordinal);
        var query = Query(answer.Headers.Location);
        return (query["code"], query);
    }

    public async Task<string> OpenLoginAsync()
    {
        using var page = await _http.GetAsync(AuthorizeUrl(), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        return Between(await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), "name=\"login\" value=\"", "\"");
    }

    public string AuthorizeUrl(params (string Name, string Value)[] changes)
    {
        var parameters = new Dictionary<string, string>
        {
            ["response_type"] = "code",
            ["client_id"] = "postern-demo",
            ["redirect_uri"] = Callback,
            ["scope"] = "openid",
            ["state"] = "xyz/+ &",
            ["nonce"] = "n-0S6",
            ["code_challenge"] = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier))),
            ["code_challenge_method"] = "S256",
        };
        foreach (var (name, value) in changes)
        {
            parameters[name] = value;
        }

        return $"{issuer}/authorize?" + string.Join('&', parameters.Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value)}"));
    }

    public static Dictionary<string, string> RedeemFields(string code) => new()
    {
        ["grant_type"] = "authorization_code",
        ["client_id"] = "postern-demo",
        ["code"] = code,
        ["redirect_uri"] = Callback,
        ["code_verifier"] = Verifier,
    };

    public async Task<JsonDocument> RedeemAsync(string code)
    {
        using var answer = await PostAsync("/token", RedeemFields(code));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await JsonAsync(answer);
    }

    public async Task<HttpResponseMessage> GrantAsync(string id, string secret, bool basic)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{issuer}/token");
        var fields = new Dictionary<string, string> { ["grant_type"] = "client_credentials" };
        if (basic)
        {
            request.Headers.Authorization = Basic(id, secret);
        }
        else
        {
            (fields["client_id"], fields["client_secret"]) = (id, secret);
        }

        request.Content = new FormUrlEncodedContent(fields);
        return await _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public static AuthenticationHeaderValue Basic(string id, string secret) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Uri.EscapeDataString(id)}:{Uri.EscapeDataString(secret)}")));

    public Task<HttpResponseMessage> PostAsync(string path, Dictionary<string, string> fields) =>
        _http.PostAsync($"{issuer}{path}", new FormUrlEncodedContent(fields), TestContext.Current.CancellationToken);

    public Task<string> GetTextAsync(string path) => _http.GetStringAsync($"{issuer}{path}", TestContext.Current.CancellationToken);

    public static async Task<JsonDocument> JsonAsync(HttpResponseMessage answer) =>
        JsonDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));

    public static async Task<string?> ErrorAsync(HttpResponseMessage answer)
    {
        using var body = await JsonAsync(answer);
        return body.RootElement.GetProperty("error").GetString();
    }

    public static Dictionary<string, string> Query(Uri location) =>
        location.Query.TrimStart('?').Split('&').Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => Uri.UnescapeDataString(p[1].Replace('+', ' ')));

    public static string Between(string text, string before, string after)
    {
        var start = text.IndexOf(before, StringComparison.Ordinal) + before.Length;
        return text[start..text.IndexOf(after, start, StringComparison.Ordinal)];
    }
}
