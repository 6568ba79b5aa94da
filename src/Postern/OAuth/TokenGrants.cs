using System.Text.Json.Nodes;

namespace Postern.OAuth;

/// <summary>The token endpoint: one grant each.</summary>
internal sealed class TokenGrants(TokenIssuer issuer, TokenExchange exchange, Sessions sessions, Logins logins, DeviceLogins devices)
{
    private const string ClientCredentials = "client_credentials";

    public IReadOnlyList<string> Supported { get; } = [ClientCredentials, TokenExchange.Grant, Sessions.Grant, Logins.Grant, DeviceLogins.Grant];

    public ValueTask<JsonObject> AnswerAsync(OAuthForm form, OAuthClient client) => form.Required("grant_type") switch
    {
        ClientCredentials => new(OfClient(form, client)),
        TokenExchange.Grant when form["subject_token_type"] == Sessions.TokenType => sessions.ForkAsync(form, client),
        TokenExchange.Grant => exchange.AnswerAsync(form, client),
        Sessions.Grant => sessions.RefreshAsync(form, client),
        Logins.Grant => logins.RedeemAsync(form, client),
        DeviceLogins.Grant => devices.RedeemAsync(form, client),
        _ => throw new OAuthException("unsupported_grant_type", "There is no such grant here."),
    };

    // RFC 6749 §4.4. Needs no store where the client comes with a key.
    private JsonObject OfClient(OAuthForm form, OAuthClient client) => issuer.Issue(new TokenOrder
    {
        Grant = ClientCredentials,
        For = client.Token ?? throw OAuthException.InvalidClient("The client must authenticate: by a key of its account, a signed assertion, or its certificate."),
        ClientId = client.Id!,
        Audiences = form.Audiences,
        Scopes = AskedScope.Split(form["scope"]),
        Source = form.Source,
    });
}
