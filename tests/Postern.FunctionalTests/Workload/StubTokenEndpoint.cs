using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Postern.FunctionalTests.Workload;

/// <summary>A token endpoint that answers as a test says.</summary>
internal sealed class StubTokenEndpoint : IAsyncDisposable
{
    private readonly WebApplication _app;

    private StubTokenEndpoint(WebApplication app) => _app = app;

    public Uri Url { get; private set; } = null!;

    /// <summary>The token of the n-th request, or null: the client is refused.</summary>
    public Func<int, string?> Token { get; set; } = n => $"token-{n}";

    public int Life { get; set; } = 900;

    /// <summary>Client id and secret of each request.</summary>
    public ConcurrentQueue<string> Clients { get; } = [];

    public static async Task<StubTokenEndpoint> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var stub = new StubTokenEndpoint(app);
        app.Run(stub.AnswerAsync);
        await app.StartAsync();
        stub.Url = new Uri(app.Urls.First() + "/oauth/token");
        return stub;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private Task AnswerAsync(HttpContext context)
    {
        var basic = AuthenticationHeaderValue.Parse(context.Request.Headers.Authorization.ToString());
        Clients.Enqueue(Encoding.UTF8.GetString(Convert.FromBase64String(basic.Parameter!)));
        var token = Token(Clients.Count);
        context.Response.StatusCode = token is null ? 401 : 200;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(token is null
            ? """{"error":"invalid_client","error_description":"The account ci is disabled."}"""
            : $$"""{"access_token":"{{token}}","token_type":"Bearer","expires_in":{{Life}}}""");
    }
}
