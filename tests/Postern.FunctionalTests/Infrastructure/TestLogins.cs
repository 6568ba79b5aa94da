using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Logins at a <see cref="TestIssuer"/>: everybody who comes is alice of payments, at once. Checks of the gate what a provider checks.</summary>
internal sealed class TestLogins(TestIssuer issuer)
{
    public const string ClientId = "gate";
    public const string Secret = "gate-secret-at-the-provider";

    private readonly ConcurrentDictionary<string, (string Redirect, string Challenge, string Nonce)> _codes = new();

    /// <summary>Changes the ID token on its way out.</summary>
    public Action<JsonObject>? Claims { get; set; }

    public Action<JsonObject>? Header { get; set; }

    public TestKey? Key { get; set; }

    /// <summary>The provider's own session of who logs in.</summary>
    public string Session { get; set; } = "session-at-the-provider";

    /// <summary>Says no to everybody.</summary>
    public bool Refuses { get; set; }

    public async Task<bool> AnswerAsync(HttpContext context, string path)
    {
        switch (path)
        {
            case "/authorize":
                Authorize(context);
                return true;
            case "/token":
                await TokenAsync(context);
                return true;
            default:
                return false;
        }
    }

    private void Authorize(HttpContext context)
    {
        var query = context.Request.Query;
        Assert.Equal(("code", ClientId, "S256"), (query["response_type"].ToString(), query["client_id"].ToString(), query["code_challenge_method"].ToString()));
        var code = Guid.NewGuid().ToString("N");
        _codes[code] = (query["redirect_uri"]!, query["code_challenge"]!, query["nonce"]!);
        var answer = new Dictionary<string, string?> { ["state"] = query["state"], [Refuses ? "error" : "code"] = Refuses ? "access_denied" : code };
        context.Response.Redirect(QueryHelpers.AddQueryString(query["redirect_uri"]!, answer));
    }

    private async Task TokenAsync(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync();
        var expected = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{ClientId}:{Secret}"));
        if (context.Request.Headers.Authorization != expected || !_codes.TryRemove(form["code"].ToString(), out var known) || known.Redirect != form["redirect_uri"]
            || known.Challenge != Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString()))))
        {
            context.Response.StatusCode = 400;
            await context.Response.WriteAsync("{\"error\":\"invalid_grant\"}");
            return;
        }

        var token = issuer.Mint(
            claims =>
            {
                (claims["aud"], claims["nonce"], claims["groups"], claims["sid"]) = (ClientId, known.Nonce, new JsonArray("payments"), Session);
                Claims?.Invoke(claims);
            },
            header: Header, key: Key);
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(new JsonObject { ["access_token"] = "opaque", ["token_type"] = "Bearer", ["id_token"] = token }.ToJsonString());
    }
}
