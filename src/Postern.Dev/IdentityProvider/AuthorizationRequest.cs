using Microsoft.AspNetCore.Http;

namespace Postern.Dev.IdentityProvider;

/// <summary>What a program asks for when it sends a person to the login page, after every check.</summary>
/// <param name="Client">Who asks.</param>
/// <param name="RedirectUri">Where the answer goes: a loopback address with the client's own path.</param>
/// <param name="CodeChallenge">SHA-256 of the verifier that the exchange must show, in base64url.</param>
/// <param name="State">Given back untouched.</param>
/// <param name="Nonce">Put into the id token.</param>
/// <param name="WantsIdToken">Whether the scope names <c>openid</c>.</param>
internal sealed record AuthorizationRequest(DevClient Client, string RedirectUri, string CodeChallenge, string? State, string? Nonce, bool WantsIdToken)
{
    /// <summary>Scheme, host and port of the redirect address.</summary>
    public string RedirectOrigin => RedirectUri[..^Client.RedirectPath.Length];

    /// <summary>
    /// Reads the query. Until client and redirect address are known to be right, an error is shown on a page and sent nowhere: the address could be anybody's.
    /// </summary>
    public static Reading Read(IQueryCollection query, DevDirectory directory, string issuer)
    {
        if (query.FirstOrDefault(p => p.Value.Count > 1).Key is { } twice)
        {
            return Reading.Page($"'{twice}' is there more than once.");
        }

        string? One(string name) => query.TryGetValue(name, out var values) && values is [{ Length: > 0 } value] ? value : null;

        if (One("client_id") is not { } id || !directory.Clients.TryGetValue(id, out var client))
        {
            return Reading.Page("'client_id' names no client of postern-dev.yaml.");
        }

        if (One("redirect_uri") is not { } redirect || !IsOwnLoopback(redirect, client.RedirectPath))
        {
            return Reading.Page($"'redirect_uri' must be http://127.0.0.1:<port>{client.RedirectPath} (or localhost, or [::1]), written exactly so.");
        }

        var state = One("state");
        Reading Refuse(string error, string text) => Reading.Redirect(AnswerTo(redirect, state, ("error", error), ("error_description", text), ("iss", issuer)));

        if (One("response_type") != "code")
        {
            return Refuse("unsupported_response_type", "response_type must be code");
        }

        if (One("response_mode") is not (null or "query"))
        {
            return Refuse("invalid_request", "response_mode must be query");
        }

        // "plain" would let whoever sees the request redeem the code.
        if (One("code_challenge_method") != "S256" || One("code_challenge") is not { Length: 43 } challenge || challenge.AsSpan().ContainsAnyExcept(Base64Url))
        {
            return Refuse("invalid_request", "PKCE is required: code_challenge_method S256 and a code_challenge of 43 characters");
        }

        if (One("prompt") == "none")
        {
            return Refuse("login_required", "nobody stays logged in here");
        }

        return Reading.Good(new AuthorizationRequest(client, redirect, challenge, state, One("nonce"), (One("scope") ?? "").Split(' ').Contains("openid")));
    }

    /// <summary>The redirect address with an answer on it.</summary>
    public string Answer(string issuer, params ReadOnlySpan<(string Name, string Value)> parameters) =>
        AnswerTo(RedirectUri, State, [.. parameters, ("iss", issuer)]);

    private static string AnswerTo(string redirect, string? state, params ReadOnlySpan<(string Name, string Value)> parameters)
    {
        var query = QueryString.Empty;
        foreach (var (name, value) in parameters)
        {
            query = query.Add(name, value);
        }

        return redirect + (state is null ? query : query.Add("state", state));
    }

    // The text is built again from its parts and compared, so that nothing hides in it: user names, escapes, dots, another path.
    private static bool IsOwnLoopback(string redirect, string path) =>
        Uri.TryCreate(redirect, UriKind.Absolute, out var uri)
        && uri.Host is "127.0.0.1" or "localhost" or "[::1]"
        && string.Equals(redirect, $"http://{uri.Host}:{uri.Port}{path}", StringComparison.Ordinal);

    private static readonly System.Buffers.SearchValues<char> Base64Url =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    /// <summary>One of: a good request, an error to send back, an error to show.</summary>
    internal readonly record struct Reading(AuthorizationRequest? Request, string? SendTo, string? Show)
    {
        public static Reading Good(AuthorizationRequest request) => new(request, null, null);

        public static Reading Redirect(string sendTo) => new(null, sendTo, null);

        public static Reading Page(string show) => new(null, null, show);
    }
}
