using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>An OAuth client of a gate's token endpoint, over HTTP/2 on the same port as gRPC, from an address of its own.</summary>
internal sealed class TokenClient : IDisposable
{
    /// <summary>The issuer in <see cref="Configuration"/>.</summary>
    public const string Issuer = "https://gate.test";

    /// <summary>The audience of the one engine.</summary>
    public const string Engine = Issuer + "/main";

    /// <summary>Section that turns the token endpoint on; <see cref="GateAccounts.Configuration"/> goes with it.</summary>
    public const string Configuration = "tokens: { issuer: \"https://gate.test\" }";

    public const string Exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    public const string AccessToken = "urn:ietf:params:oauth:token-type:access_token";
    public const string IdToken = "urn:ietf:params:oauth:token-type:id_token";
    public const string Jwt = "urn:ietf:params:oauth:token-type:jwt";

    private readonly HttpClient _http;

    public TokenClient(string address, Version? version = null, System.Net.Security.SslClientAuthenticationOptions? tls = null)
    {
        var source = Loopback.Next();
        _http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            SslOptions = tls ?? new(),
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                socket.Bind(new IPEndPoint(source, 0));
                await socket.ConnectAsync(IPAddress.Parse(context.DnsEndPoint.Host), context.DnsEndPoint.Port, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            BaseAddress = new Uri((tls is null ? "http://" : "https://") + address),
            DefaultRequestVersion = version ?? HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = RawHttp2.Deadline,
        };
    }

    public Task<TokenAnswer> TokenAsync(params (string Name, string Value)[] form) => PostAsync("/oauth/token", null, form);

    /// <summary>An access token of an account by its key.</summary>
    public async Task<string> ByKeyAsync(string account, string key, params (string Name, string Value)[] form)
    {
        var answer = await PostAsync("/oauth/token", (account, key), [("grant_type", "client_credentials"), .. form]);
        Assert.True(answer.Status == 200, answer.Text);
        return answer.AccessToken;
    }

    public Task<TokenAnswer> ExchangeAsync(string subject, string type, params (string Name, string Value)[] form) =>
        TokenAsync([("grant_type", Exchange), ("subject_token", subject), ("subject_token_type", type), .. form]);

    public async Task<TokenAnswer> PostAsync(string path, (string Id, string Secret)? basic, params (string Name, string Value)[] form)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent(form.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))),
        };
        if (basic is { } client)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Uri.EscapeDataString(client.Id)}:{Uri.EscapeDataString(client.Secret)}")));
        }

        return await SendAsync(request);
    }

    public async Task<TokenAnswer> GetAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await SendAsync(request);
    }

    public async Task<TokenAnswer> SendAsync(HttpRequestMessage request)
    {
        request.Version = _http.DefaultRequestVersion;
        request.VersionPolicy = _http.DefaultVersionPolicy;
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        return new TokenAnswer(
            (int)response.StatusCode,
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            response.Headers.CacheControl?.ToString(),
            response.Headers.RetryAfter?.ToString(),
            response.Headers.WwwAuthenticate.ToString(),
            response.Headers.Location?.OriginalString)
        {
            SetCookie = response.Headers.TryGetValues("set-cookie", out var cookies) ? cookies.Single() : null,
            ContentSecurity = response.Headers.TryGetValues("content-security-policy", out var policy) ? policy.Single() : null,
        };
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>What an endpoint answered.</summary>
internal sealed record TokenAnswer(int Status, string Text, string? CacheControl, string? RetryAfter, string Challenge, string? Location)
{
    public string? SetCookie { get; init; }

    public string? ContentSecurity { get; init; }

    public JsonElement Body => JsonDocument.Parse(Text).RootElement;

    public string AccessToken => Body.GetProperty("access_token").GetString()!;

    public string? Error => this["error"];

    public string? Description => this["error_description"];

    public string? this[string name] => Text.StartsWith('{') && Body.TryGetProperty(name, out var value) ? value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText() : null;
}
