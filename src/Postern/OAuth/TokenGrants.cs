using System.Text.Json.Nodes;

namespace Postern.OAuth;

/// <summary>The token endpoint: one method per grant.</summary>
internal sealed class TokenGrants(TokenIssuer issuer)
{
    private const string ClientCredentials = "client_credentials";

    public static IReadOnlyList<string> Supported { get; } = [ClientCredentials];

    public ValueTask<JsonObject> AnswerAsync(OAuthForm form, OAuthClient client) => form.Required("grant_type") switch
    {
        ClientCredentials => new(OfClient(form, client)),
        _ => throw new OAuthException("unsupported_grant_type", "There is no such grant here."),
    };

    // RFC 6749 §4.4. Needs no store where the client comes with a key.
    private JsonObject OfClient(OAuthForm form, OAuthClient client) => issuer.Issue(new TokenOrder
    {
        Grant = ClientCredentials,
        For = client.Token ?? throw OAuthException.InvalidClient("The client must authenticate: by a key of its account, or by a signed assertion."),
        ClientId = client.Id!,
        Audiences = Audiences(form),
        Scopes = AskedScope.Split(form["scope"]),
        Source = form.Source,
    });

    // RFC 8693 has two words for it, RFC 8707 one of them; all mean what will stand in aud.
    private static IReadOnlyList<string> Audiences(OAuthForm form) => [.. form.All("resource"), .. form.All("audience")];
}
