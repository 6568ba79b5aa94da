using System.Net;
using System.Text.RegularExpressions;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Terminal;

/// <summary>A browser with one cookie jar that knows nothing of ports and schemes: on loopback a login's cookie may be for https.</summary>
internal sealed partial class Person : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false });
    private string? _cookie;

    public async Task<string> GoAsync(string url)
    {
        for (var hops = 0; hops < 10; hops++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            using var response = await SendAsync(request);
            if (response.StatusCode != HttpStatusCode.Redirect)
            {
                return await response.Content.ReadAsStringAsync();
            }

            url = new Uri(new Uri(url), response.Headers.Location!).ToString();
        }

        throw new InvalidOperationException("The login goes in circles.");
    }

    /// <summary>Fills in the gate's sign-in page and goes where that leads.</summary>
    public async Task<string> SignInAsync(string url, string name, string password)
    {
        var page = await GoAsync(url);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(new Uri(url), "/oauth/login"))
        {
            Content = new FormUrlEncodedContent([KeyValuePair.Create("login", Browser.LoginOf(page)), KeyValuePair.Create("username", name), KeyValuePair.Create("password", password)]),
        };
        using var response = await SendAsync(request);
        return response.Headers.Location is { } next ? await GoAsync(next.ToString()) : await response.Content.ReadAsStringAsync();
    }

    public async Task PressAsync(Uri page, string text)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, page)
        {
            Content = new FormUrlEncodedContent([KeyValuePair.Create("confirmation", WebUtility.HtmlDecode(Confirmation().Match(text).Groups[1].Value)), KeyValuePair.Create("decision", "allow")]),
        };
        using var response = await SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        if (_cookie is not null)
        {
            request.Headers.Add("cookie", _cookie);
        }

        var response = await _http.SendAsync(request);
        _cookie = response.Headers.TryGetValues("set-cookie", out var set) ? set.First().Split(';')[0] : _cookie;
        return response;
    }

    [GeneratedRegex("name=\"confirmation\" value=\"([^\"]+)\"")]
    private static partial Regex Confirmation();
}
