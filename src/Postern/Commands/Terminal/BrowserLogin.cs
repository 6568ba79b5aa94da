using System.Buffers.Text;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Postern.Commands.Terminal;

/// <summary>Login in a browser on this machine: authorization code and PKCE (RFC 7636), answered on loopback (RFC 8252).</summary>
internal static class BrowserLogin
{
    private static readonly TimeSpan s_within = TimeSpan.FromMinutes(10);

    /// <param name="endpoint">The gate.</param>
    /// <param name="open">Opens a browser; false where there is none, so that the address is shown alone.</param>
    /// <param name="show">Shows the address.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static async Task<IssuedTokens> RunAsync(OAuthEndpoint endpoint, Func<Uri, bool> open, Action<Uri, bool> show, TimeProvider time, CancellationToken cancellation)
    {
        var (verifier, state) = (Random(), Random());
        var arrived = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var app = Create(context => AnswerAsync(context, state, endpoint.Issuer, arrived));
        await app.StartAsync(cancellation);
        var redirect = $"{app.Urls.First()}/callback";
        var url = endpoint.AuthorizeUrl(redirect, Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))), state);
        show(url, open(url));
        try
        {
            var code = await arrived.Task.WaitAsync(s_within, time, cancellation);
            return await endpoint.RedeemAsync(code, redirect, verifier, cancellation);
        }
        catch (TimeoutException)
        {
            throw new LoginException($"Nobody logged in within {s_within.TotalMinutes:0} minutes.");
        }
        finally
        {
            await app.StopAsync(CancellationToken.None);
        }
    }

    /// <summary>Opens the desktop's browser.</summary>
    public static bool Open(Uri url)
    {
        if (Environment.GetEnvironmentVariable("DISPLAY") is null && Environment.GetEnvironmentVariable("WAYLAND_DISPLAY") is null && !OperatingSystem.IsMacOS())
        {
            return false;
        }

        try
        {
            // What it prints is nothing for this terminal.
            using var process = Process.Start(new ProcessStartInfo(OperatingSystem.IsMacOS() ? "open" : "xdg-open", [url.ToString()]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true });
            return process is not null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static WebApplication Create(RequestDelegate answer)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.Run(answer);
        return app;
    }

    private static Task AnswerAsync(HttpContext context, string state, Uri issuer, TaskCompletionSource<string> arrived)
    {
        var query = context.Request.Query;
        // A page elsewhere may make the browser come here: only the answer to our own request counts (RFC 9207 as well).
        if (context.Request.Path != "/callback" || query["state"] != state || (query.ContainsKey("iss") && query["iss"].ToString().TrimEnd('/') != issuer.ToString().TrimEnd('/')))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        if (query["code"].ToString() is { Length: > 0 } code)
        {
            arrived.TrySetResult(code);
            return PageAsync(context, "You are logged in. This page can be closed.");
        }

        arrived.TrySetException(new LoginException(query["error_description"].ToString() is { Length: > 0 } why ? why : query["error"].ToString(), query["error"]));
        return PageAsync(context, "The login came to nothing. The terminal says why.");
    }

    private static Task PageAsync(HttpContext context, string text)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync(text + "\n", context.RequestAborted);
    }

    private static string Random() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
}
