using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Postern.Dev.IdentityProvider;

/// <summary>The URL that names the identity provider, in discovery and in every token. Known when its port is.</summary>
internal sealed class DevIssuer
{
    public string Url { get; set; } = "";
}

/// <summary>
/// A small OpenID provider on loopback, so that the gate meets real logins and real tokens without an account anywhere: discovery, key set, authorization code
/// with PKCE, client credentials. For development only: it asks nobody for a password.
/// </summary>
internal sealed class DevIdentityProvider : IAsyncDisposable
{
    private static readonly TimeSpan LoginLife = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan CodeLife = TimeSpan.FromMinutes(1);

    private readonly WebApplication _app;

    private DevIdentityProvider(WebApplication app, string issuer)
    {
        _app = app;
        Issuer = issuer;
    }

    /// <summary>The <c>iss</c> of its tokens; discovery is read below it.</summary>
    public string Issuer { get; }

    /// <summary>Starts it.</summary>
    /// <param name="options">Where it listens and keeps its files.</param>
    /// <param name="loggers">Where its log lines go.</param>
    /// <param name="cancellation">Gives up starting.</param>
    public static async Task<DevIdentityProvider> StartAsync(DevIdentityProviderOptions options, ILoggerFactory loggers, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [], EnvironmentName = "Production" });
        builder.Services.AddSingleton(loggers);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 64 * 1024;
            kestrel.Listen(IPAddress.Loopback, options.Port);
        });
        var time = options.Time;
        builder.Services.AddSingleton<DevIssuer>();
        builder.Services.AddSingleton(_ => DevSigningKey.Open(Path.Combine(options.Folder, "identity-key.pem")));
        builder.Services.AddSingleton(services =>
            DevDirectoryFile.Open(Path.Combine(options.Folder, "postern-dev.yaml"), services.GetRequiredService<ILogger<DevDirectoryFile>>()));
        builder.Services.AddSingleton(services => new DevTokens(services.GetRequiredService<DevSigningKey>(), options.TokenLifetime, time));
        builder.Services.AddSingleton(new OneTimeNames<AuthorizationRequest>(time, LoginLife, 1000));
        builder.Services.AddSingleton(new OneTimeNames<GrantedCode>(time, CodeLife, 1000));
        builder.Services.AddSingleton<AuthorizeEndpoint>();
        builder.Services.AddSingleton<TokenEndpoint>();

        var app = builder.Build();
        try
        {
            var issuer = app.Services.GetRequiredService<DevIssuer>();
            Map(app, issuer);
            await app.StartAsync(cancellation);
            issuer.Url = $"http://127.0.0.1:{new Uri(app.Urls.Single()).Port}";
            return new DevIdentityProvider(app, issuer.Url);
        }
        catch (Exception e)
        {
            await app.DisposeAsync();
            throw e is IOException ? new DevSetupException($"The identity provider can't listen on port {options.Port}: {e.Message} Choose another with --identity-port.", e) : e;
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static void Map(WebApplication app, DevIssuer issuer)
    {
        var key = app.Services.GetRequiredService<DevSigningKey>();
        _ = app.Services.GetRequiredService<DevDirectoryFile>();
        var authorize = app.Services.GetRequiredService<AuthorizeEndpoint>();
        var token = app.Services.GetRequiredService<TokenEndpoint>();

        // A name that somebody else's DNS points at 127.0.0.1 would put our pages and tokens into that site's origin.
        app.Use((context, next) =>
        {
            if (context.Request.Host.Host is "127.0.0.1" or "localhost")
            {
                return next(context);
            }

            context.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
            return Task.CompletedTask;
        });
        app.MapGet("/.well-known/openid-configuration", context => WriteAsync(context, DiscoveryDocuments.Configuration(issuer.Url)));
        app.MapGet("/jwks", context => WriteAsync(context, DiscoveryDocuments.KeySet(key)));
        app.MapGet("/authorize", authorize.ShowAsync);
        app.MapPost("/login", authorize.AnswerAsync);
        app.MapPost("/token", token.AnswerAsync);
    }

    private static Task WriteAsync(HttpContext context, JsonObject document)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(document.ToJsonString(), context.RequestAborted);
    }
}

/// <summary>How the identity provider runs.</summary>
internal sealed record DevIdentityProviderOptions
{
    /// <summary>Folder of <c>postern-dev.yaml</c> and of the signing key. Must exist.</summary>
    public required string Folder { get; init; }

    /// <summary>Port on 127.0.0.1; 0 takes a free one. Default 0.</summary>
    public int Port { get; init; }

    /// <summary>Life of access and id tokens. Default 1 h.</summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The clock of tokens, codes and login pages. Default: the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
