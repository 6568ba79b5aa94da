using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Postern.Dev.IdentityProvider;

/// <summary>The login page and its answer (authorization code with PKCE).</summary>
internal sealed partial class AuthorizeEndpoint(
    DevIssuer issuer, DevDirectoryFile directory, OneTimeNames<AuthorizationRequest> logins, OneTimeNames<GrantedCode> codes, ILogger<AuthorizeEndpoint> log)
{
    public Task ShowAsync(HttpContext context)
    {
        var current = directory.Current;
        var reading = AuthorizationRequest.Read(context.Request.Query, current, issuer.Url);
        if (reading.SendTo is { } address)
        {
            context.Response.Redirect(address);
            return Task.CompletedTask;
        }

        return reading.Request is { } request
            ? LoginPage.ShowAsync(context, request, logins.Add(request), current)
            : LoginPage.ShowErrorAsync(context, reading.Show!);
    }

    /// <summary>The page's form. The name in its hidden field is known to nobody but the page, so no other site can send the form.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        if (await DevForm.ReadAsync(context.Request) is not { } form || form.One("login") is not { } login || logins.Take(login) is not { } request)
        {
            await LoginPage.ShowErrorAsync(context, "This login page is too old, or was answered already.");
            return;
        }

        if (form.One("cancel") is not null)
        {
            context.Response.Redirect(request.Answer(issuer.Url, ("error", "access_denied"), ("error_description", "nobody was chosen")));
            return;
        }

        if (form.One("user") is not { } email || !directory.Current.Users.TryGetValue(email, out var user))
        {
            await LoginPage.ShowErrorAsync(context, "There is no such user in postern-dev.yaml.");
            return;
        }

        Log.LoggedIn(log, user.Email, request.Client.Id);
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Redirect(request.Answer(issuer.Url, ("code", codes.Add(new GrantedCode(request, user)))));
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "{Email} logged in for {Client}")]
        public static partial void LoggedIn(ILogger logger, string email, string client);
    }
}

/// <summary>A code that waits for its exchange.</summary>
internal sealed record GrantedCode(AuthorizationRequest Request, DevUser User);
