using System.Text.Json.Nodes;

namespace Postern.OAuth;

/// <summary>The token endpoint: one grant each.</summary>
internal sealed class TokenGrants(TokenIssuer issuer, TokenExchange exchange, TaskBindings tasks, Sessions sessions, Logins logins, DeviceLogins devices)
{
    private const string ClientCredentials = "client_credentials";

    public IReadOnlyList<string> Supported { get; } = [ClientCredentials, TokenExchange.Grant, Sessions.Grant, Logins.Grant, DeviceLogins.Grant];

    public ValueTask<JsonObject> AnswerAsync(OAuthForm form, OAuthClient client) => form.Required("grant_type") switch
    {
        ClientCredentials => OfClientAsync(form, client),
        TokenExchange.Grant when form["subject_token_type"] != Sessions.TokenType => exchange.AnswerAsync(form, client),
        // A session outlives every task.
        _ when form[TaskDetails.Name] is not null => throw TaskDetails.Invalid($"Only {ClientCredentials} and token exchange give a token that is bound to a task."),
        TokenExchange.Grant => sessions.ForkAsync(form, client),
        Sessions.Grant => sessions.RefreshAsync(form, client),
        Logins.Grant => logins.RedeemAsync(form, client),
        DeviceLogins.Grant => devices.RedeemAsync(form, client),
        _ => throw new OAuthException("unsupported_grant_type", "There is no such grant here."),
    };

    // RFC 6749 §4.4. Needs no store where the client comes with a key.
    private async ValueTask<JsonObject> OfClientAsync(OAuthForm form, OAuthClient client)
    {
        var token = client.Token ?? throw OAuthException.InvalidClient("The client must authenticate: by a key of its account, a signed assertion, or its certificate.");
        var bound = await tasks.BindAsync(form, token.Caller);
        return issuer.Issue(new TokenOrder
        {
            Grant = ClientCredentials,
            For = token,
            ClientId = client.Id!,
            Audiences = form.Audiences,
            Scopes = AskedScope.Split(form["scope"]),
            Source = form.Source,
            Task = bound?.Task,
            NotAfter = bound?.Ends,
        });
    }
}
