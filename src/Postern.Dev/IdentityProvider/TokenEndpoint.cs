using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Dev.IdentityProvider;

/// <summary>Exchanges codes and client credentials for tokens (RFC 6749).</summary>
internal sealed partial class TokenEndpoint(DevIssuer issuer, DevDirectoryFile directory, OneTimeNames<GrantedCode> codes, DevTokens tokens, ILogger<TokenEndpoint> log)
{
    public async Task AnswerAsync(HttpContext context)
    {
        var answer = await DevForm.ReadAsync(context.Request) is { } form
            ? Answer(context, form)
            : Answered.Error("invalid_request", "post a form, each field once");

        context.Response.StatusCode = answer.Status;
        context.Response.Headers.CacheControl = "no-store";
        if (answer.Status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"postern-dev\"";
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer.Body.ToJsonString(), context.RequestAborted);
    }

    private Answered Answer(HttpContext context, DevForm form)
    {
        if (!TryReadClient(context.Request, form, out var id, out var secret))
        {
            return Answered.Error("invalid_request", "name the client once: by HTTP Basic, or by client_id and client_secret in the form");
        }

        return form.One("grant_type") switch
        {
            "authorization_code" => Redeem(form, id, secret),
            "client_credentials" => Grant(id, secret),
            _ => Answered.Error("unsupported_grant_type", "grant_type must be authorization_code or client_credentials"),
        };
    }

    private Answered Redeem(DevForm form, string? client, string? secret)
    {
        // Taken before it is judged: a code that was shown with a wrong verifier is spent too.
        var granted = form.One("code") is { } code ? codes.Take(code) : null;
        if (secret is not null)
        {
            return Answered.Error("invalid_client", "this client has no secret", StatusCodes.Status401Unauthorized);
        }

        if (granted is not { Request: var request, User: var user }
            || client != request.Client.Id
            || form.One("redirect_uri") != request.RedirectUri
            || form.One("code_verifier") is not { Length: >= 43 and <= 128 } verifier
            || !IsEqual(Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))), request.CodeChallenge))
        {
            return Answered.Error("invalid_grant", "the code is unknown, used, too old, or not for this client, redirect_uri and code_verifier");
        }

        Log.Issued(log, user.Email, request.Client.Id);
        var answer = Bearer(tokens.AccessToken(issuer.Url, user, request.Client.Id));
        if (request.WantsIdToken)
        {
            answer["id_token"] = tokens.IdToken(issuer.Url, user, request.Client.Id, request.Nonce);
        }

        return new Answered(StatusCodes.Status200OK, answer);
    }

    private Answered Grant(string? id, string? secret)
    {
        if (id is null || secret is null || !directory.Current.Accounts.TryGetValue(id, out var account) || !IsEqual(secret, account.Secret))
        {
            return Answered.Error("invalid_client", "no such account, or another secret", StatusCodes.Status401Unauthorized);
        }

        Log.Issued(log, account.Id, account.Id);
        return new Answered(StatusCodes.Status200OK, Bearer(tokens.AccessToken(issuer.Url, account)));
    }

    private JsonObject Bearer(string token) => new()
    {
        ["access_token"] = token,
        ["token_type"] = "Bearer",
        ["expires_in"] = (int)tokens.Lifetime.TotalSeconds,
    };

    /// <summary>False where the client is named in two ways, or by a header that can't be read.</summary>
    private static bool TryReadClient(HttpRequest request, DevForm form, out string? id, out string? secret)
    {
        (id, secret) = (form.One("client_id"), form.One("client_secret"));
        var header = request.Headers.Authorization;
        if (header.Count == 0)
        {
            return true;
        }

        if (header.Count > 1 || secret is not null || !AuthenticationHeaderValue.TryParse(header[0], out var value)
            || !value.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase) || value.Parameter is null)
        {
            return false;
        }

        var bytes = new byte[value.Parameter.Length];
        if (!Convert.TryFromBase64String(value.Parameter, bytes, out var length) || Encoding.UTF8.GetString(bytes, 0, length).Split(':', 2) is not [var name, var word])
        {
            return false;
        }

        // Both are form-encoded before they are joined (RFC 6749, 2.3.1). A public client may write its name with an empty secret.
        var named = Uri.UnescapeDataString(name.Replace('+', ' '));
        var agrees = id is null || id == named;
        (id, secret) = (named, word.Length == 0 ? null : Uri.UnescapeDataString(word.Replace('+', ' ')));
        return agrees;
    }

    private static bool IsEqual(string a, string b) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(a), Encoding.UTF8.GetBytes(b));

    private readonly record struct Answered(int Status, JsonObject Body)
    {
        public static Answered Error(string error, string text, int status = StatusCodes.Status400BadRequest) =>
            new(status, new JsonObject { ["error"] = error, ["error_description"] = text });
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Token for {Subject}, asked for by {Client}")]
        public static partial void Issued(ILogger logger, string subject, string client);
    }
}
