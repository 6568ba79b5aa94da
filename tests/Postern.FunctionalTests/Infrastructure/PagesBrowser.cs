using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Microsoft.AspNetCore.WebUtilities;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>
/// A browser that keeps cookies by host and says of its requests what browsers say. What leads to a host of the gate goes to the gate's listener, under that host's name; the rest goes where it
/// leads.
/// </summary>
internal sealed class PagesBrowser : IDisposable
{
    /// <summary>Where the pages of <see cref="Engines"/> are.</summary>
    public const string Pages = "https://prefect.test";

    /// <summary>An engine whose pages are at <see cref="Pages"/>; for <see cref="GateSetup.Engines"/>.</summary>
    public const string Engines = $"""
        prefect:
          - name: flows
            address: "http://127.0.0.1:1"
            credential: none
            hosts: [prefect.test]
            ui: {Pages}
        """;

    private const int MostRedirects = 10;
    private static readonly Uri s_pages = new(Pages);

    private readonly HttpClient _http;
    private readonly string _address;
    private readonly Dictionary<(string Host, string Name), string> _cookies = [];

    public PagesBrowser(string address)
    {
        _address = address;
        var source = Loopback.Next();
        _http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                socket.Bind(new IPEndPoint(source, 0));
                await socket.ConnectAsync(IPAddress.Parse(context.DnsEndPoint.Host), context.DnsEndPoint.Port, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        }) { Timeout = RawHttp2.Deadline };
    }

    /// <summary>The session's cookie; null where the browser has none.</summary>
    public string? Session
    {
        get => _cookies.GetValueOrDefault((s_pages.Host, "__Host-postern"));
        set => _cookies[(s_pages.Host, "__Host-postern")] = value!;
    }

    /// <summary>Addresses gone through so far.</summary>
    public List<string> Went { get; } = [];

    /// <summary>Opens a page, and goes where it leads.</summary>
    public async Task<PageAnswer> OpenAsync(string address)
    {
        for (var i = 0; i < MostRedirects; i++)
        {
            var answer = await GetAsync(address);
            if (answer.Status is not (302 or 303 or 307))
            {
                return answer;
            }

            address = new Uri(new Uri(Absolute(address)), answer.Location!).AbsoluteUri;
        }

        throw new InvalidOperationException("It leads round in circles.");
    }

    /// <summary>Opens a page and stays where it is.</summary>
    public Task<PageAnswer> GetAsync(string address, params (string Name, string? Value)[] headers) => SendAsync(HttpMethod.Get, address, null, headers);

    /// <summary>Presses the button of a form of the same page.</summary>
    public Task<PageAnswer> SubmitAsync(string address, params (string Name, string? Value)[] headers) =>
        SendAsync(HttpMethod.Post, address, new FormUrlEncodedContent([]), [("sec-fetch-site", "same-origin"), ("origin", Pages), .. headers]);

    /// <summary>Sends a request as a navigation; headers that are named again replace, null leaves out.</summary>
    public async Task<PageAnswer> SendAsync(HttpMethod method, string address, HttpContent? content, params (string Name, string? Value)[] headers)
    {
        var url = new Uri(Absolute(address));
        Went.Add(url.AbsoluteUri);
        var isGates = url.Host == s_pages.Host || url.AbsoluteUri.StartsWith(TokenClient.Issuer + "/", StringComparison.Ordinal);
        using var request = new HttpRequestMessage(method, isGates ? new Uri($"http://{_address}{url.PathAndQuery}") : url) { Content = content };
        if (isGates)
        {
            (request.Version, request.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
            request.Headers.Host = url.Authority;
        }

        var all = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["accept"] = "text/html,application/xhtml+xml", ["sec-fetch-mode"] = "navigate", ["sec-fetch-site"] = "none",
            ["cookie"] = string.Join("; ", _cookies.Where(pair => pair.Key.Host == url.Host).Select(pair => $"{pair.Key.Name}={pair.Value}")) is { Length: > 0 } cookie ? cookie : null,
        };
        foreach (var (name, value) in headers)
        {
            all[name] = value;
        }

        foreach (var (name, value) in all.Where(pair => pair.Value is not null))
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        var cookies = response.Headers.TryGetValues("set-cookie", out var set) ? set.ToArray() : [];
        foreach (var one in cookies.Select(text => SetCookieHeader.Parse(text)))
        {
            _cookies[(url.Host, one.Name)] = one.Value;
            if (one.IsGone)
            {
                _cookies.Remove((url.Host, one.Name));
            }
        }

        return new PageAnswer((int)response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), response.Headers.Location?.OriginalString, cookies, response.Headers);
    }

    public static string? Parameter(string address, string name) => QueryHelpers.ParseQuery(new Uri(address).Query).TryGetValue(name, out var value) ? value.ToString() : null;

    public void Dispose() => _http.Dispose();

    private static string Absolute(string address) => address.StartsWith('/') ? Pages + address : address;

    private sealed record SetCookieHeader(string Name, string Value, bool IsGone)
    {
        public static SetCookieHeader Parse(string text)
        {
            var pair = text.Split(';')[0];
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            return new SetCookieHeader(pair[..at], pair[(at + 1)..], text.Contains("Max-Age=0", StringComparison.Ordinal));
        }
    }
}

/// <summary>What a page answered.</summary>
internal sealed record PageAnswer(int Status, string Text, string? Location, IReadOnlyList<string> SetCookies, HttpResponseHeaders Headers)
{
    public string? Header(string name) => Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;
}
