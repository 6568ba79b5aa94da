using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.WebUtilities;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>A person's browser as far as a login sees one: a cookie of the gate's, redirects, the form of a page. What leads to the gate's public URL goes to the gate.</summary>
internal sealed partial class Browser(TokenClient gate) : IDisposable
{
    private readonly HttpClient _elsewhere = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false });

    public string? Cookie { get; set; }

    /// <summary>Goes there and on, until an answer leads nowhere or to a program on this machine.</summary>
    public async Task<TokenAnswer> GoAsync(string address)
    {
        while (true)
        {
            var answer = await GetAsync(address);
            if (answer.Status != 302)
            {
                return answer;
            }

            if (answer.Location!.StartsWith("http://127.0.0.1:5000/", StringComparison.Ordinal))
            {
                return answer;
            }

            address = answer.Location;
        }
    }

    public async Task<TokenAnswer> GetAsync(string address)
    {
        if (address.StartsWith('/') || address.StartsWith(TokenClient.Issuer, StringComparison.Ordinal))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address.StartsWith('/') ? address : address[TokenClient.Issuer.Length..]);
            return await SendAsync(request);
        }

        using var response = await _elsewhere.GetAsync(new Uri(address), TestContext.Current.CancellationToken);
        return new TokenAnswer((int)response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), null, null, "", response.Headers.Location?.OriginalString);
    }

    /// <summary>Presses a button of the page's form.</summary>
    public async Task<TokenAnswer> PressAsync(string page, string decision)
    {
        var confirmation = WebUtility.HtmlDecode(Confirmation().Match(page).Groups[1].Value);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/oauth/device")
        {
            Content = new FormUrlEncodedContent([KeyValuePair.Create("confirmation", confirmation), KeyValuePair.Create("decision", decision)]),
        };
        return await SendAsync(request);
    }

    /// <summary>Fills in the sign-in page and sends it.</summary>
    public async Task<TokenAnswer> TypeAsync(string page, string name, string password)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/oauth/login")
        {
            Content = new FormUrlEncodedContent([KeyValuePair.Create("login", LoginOf(page)), KeyValuePair.Create("username", name), KeyValuePair.Create("password", password)]),
        };
        return await SendAsync(request);
    }

    /// <summary>What the sign-in page carries of the login; empty where it is no sign-in page.</summary>
    public static string LoginOf(string page) => Login().Match(page).Groups[1].Value;

    public static string? Parameter(string? address, string name) => address is not null && QueryHelpers.ParseQuery(new Uri(address).Query).TryGetValue(name, out var value) ? value.ToString() : null;

    public void Dispose() => _elsewhere.Dispose();

    private async Task<TokenAnswer> SendAsync(HttpRequestMessage request)
    {
        if (Cookie is not null)
        {
            request.Headers.Add("cookie", Cookie);
        }

        var answer = await gate.SendAsync(request);
        if (answer.SetCookie is { } set)
        {
            Cookie = set.Split(';')[0];
        }

        return answer;
    }

    [GeneratedRegex("name=\"login\" value=\"([^\"]+)\"")]
    private static partial Regex Login();

    [GeneratedRegex("name=\"confirmation\" value=\"([^\"]+)\"")]
    private static partial Regex Confirmation();
}
