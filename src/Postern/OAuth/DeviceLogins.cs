using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Postern.Model;
using Postern.Tokens;

namespace Postern.OAuth;

/// <summary>
/// Logins for what has no browser (RFC 8628): a terminal shows a short code, its user enters that in any browser, logs in there, is shown who asked, and confirms.
/// </summary>
internal sealed class DeviceLogins(SignIns signIns, LoginSeals seals, IStore store, TokensOptions options, Sessions sessions, DevicePolls polls, TimeProvider time)
{
    public const string Grant = "urn:ietf:params:oauth:grant-type:device_code";

    private const int CodeLength = 8;
    // RFC 8628 §6.1: without vowels and look-alikes; 20^8, for ten minutes, with failed attempts counted.
    private const string Alphabet = "BCDFGHJKLMNPQRSTVWXZ";
    private static readonly TimeSpan s_within = TimeSpan.FromMinutes(10);

    /// <summary>A device asks for its codes.</summary>
    public async Task<JsonObject> BeginAsync(OAuthForm form, OAuthClient client)
    {
        if (client.Id != Logins.Client)
        {
            throw OAuthException.InvalidClient($"People log in with the client {Logins.Client}.");
        }

        var secret = Identity.Login.Pkce.NewVerifier();
        var code = RandomNumberGenerator.GetString(Alphabet, CodeLength);
        var id = LoginSeals.HashOf(secret);
        var request = new DeviceRequest
        {
            Request = new LoginRequest { ClientId = client.Id, Scopes = Logins.Scopes(form["scope"]), Audiences = form.Audiences, Device = id }, Code = Shown(code), From = form.Source?.ToString(),
        };
        var item = new OneTime
        {
            Kind = OneTimeKind.DeviceCode, Id = id, Hash = LoginSeals.HashOf(code), Data = JsonSerializer.Serialize(request, LoginJson.Default.DeviceRequest), ExpiresAt = time.GetUtcNow() + s_within,
        };
        if (!await store.PutAsync(item, form.Cancellation))
        {
            throw OAuthException.Unavailable("Try again.");
        }

        var page = options.Issuer + OAuthPaths.Device;
        return new JsonObject
        {
            ["device_code"] = secret,
            ["user_code"] = Shown(code),
            ["verification_uri"] = page,
            ["verification_uri_complete"] = $"{page}?user_code={Shown(code)}",
            ["expires_in"] = (long)s_within.TotalSeconds,
            ["interval"] = (long)DevicePolls.Interval.TotalSeconds,
        };
    }

    /// <summary>The page for the code; with a good one its user goes on to say who he is.</summary>
    public async Task EnterAsync(HttpContext context)
    {
        if (context.Request.Query["user_code"] is not { Count: 1 } codes || codes[0] is not { Length: > 0 and <= 20 } typed)
        {
            await LoginPages.AskCodeAsync(context);
            return;
        }

        var code = string.Concat(typed.Where(char.IsAsciiLetterOrDigit)).ToUpperInvariant();
        var item = await store.OneTimeByHashAsync(OneTimeKind.DeviceCode, LoginSeals.HashOf(code), context.RequestAborted);
        var request = Open(item) ?? throw new OAuthException("invalid_request", "The code isn't known, or its ten minutes are over.") { Counts = true };
        await signIns.BeginAsync(context, request.Request);
    }

    /// <summary>Somebody has logged in: he is shown which device would act as him.</summary>
    public async Task AskAsync(HttpContext context, PendingLogin pending, LoggedIn login)
    {
        if (Open(await store.OneTimeAsync(OneTimeKind.DeviceCode, pending.Request.Device!, context.RequestAborted)) is not { } request)
        {
            await LoginPages.MessageAsync(context, 400, "Too late", "The device's ten minutes are over, or it is signed in already.");
            return;
        }

        var confirmation = new DeviceConfirmation { Device = pending.Request.Device!, Login = login, Browser = pending.Browser, Until = pending.Until };
        await LoginPages.ConfirmAsync(context, login.Name, request.Code, request.From, seals.Close(confirmation, LoginJson.Default.DeviceConfirmation));
    }

    /// <summary>He says yes or no.</summary>
    public async Task DecideAsync(HttpContext context, OAuthForm form)
    {
        if (seals.Open(form["confirmation"], LoginJson.Default.DeviceConfirmation) is not { } confirmation || confirmation.Until <= time.GetUtcNow() || !seals.IsBrowser(context, confirmation.Browser))
        {
            throw new OAuthException("invalid_request", "It was begun in another browser, or more than ten minutes ago.") { Counts = true };
        }

        var isAllowed = form["decision"] == "allow";
        var item = await store.OneTimeAsync(OneTimeKind.DeviceCode, confirmation.Device, form.Cancellation);
        if (Open(item) is not { } request
            || !await store.UpdateAsync(
                item! with { Data = JsonSerializer.Serialize(request with { Login = isAllowed ? confirmation.Login : null, IsDenied = !isAllowed }, LoginJson.Default.DeviceRequest) }, form.Cancellation))
        {
            await LoginPages.MessageAsync(context, 400, "Too late", "The device's ten minutes are over, or it is signed in already.");
            return;
        }

        await (isAllowed
            ? LoginPages.MessageAsync(context, 200, "Signed in", "The device goes on by itself. You can close this page.")
            : LoginPages.MessageAsync(context, 200, "Not signed in", "The device gets nothing. You can close this page."));
    }

    /// <summary>The grant: what the device asks for again and again.</summary>
    public async ValueTask<JsonObject> RedeemAsync(OAuthForm form, OAuthClient client)
    {
        var id = LoginSeals.HashOf(form.Required("device_code"));
        if (await store.OneTimeAsync(OneTimeKind.DeviceCode, id, form.Cancellation) is not { } item || Read(item) is not { } device || device.Request.ClientId != client.Id)
        {
            throw OAuthException.InvalidGrant("The device code isn't known: run postern login.");
        }

        if (item.UsedAt is not null || item.ExpiresAt <= time.GetUtcNow())
        {
            throw new OAuthException("expired_token", "The device code has been used or its time is over: run postern login.");
        }

        if (device.IsDenied)
        {
            throw new OAuthException("access_denied", "Whoever was asked said no.");
        }

        if (device.Login is not { } login)
        {
            throw polls.IsTooSoon(id)
                ? new OAuthException("slow_down", "Nobody has confirmed it yet; ask five seconds less often.")
                : new OAuthException("authorization_pending", "Nobody has confirmed it yet.");
        }

        polls.Forget(id);

        return await store.TakeAsync(OneTimeKind.DeviceCode, id, time.GetUtcNow(), form.Cancellation) is TakeResult.Taken
            ? await sessions.BeginAsync(RefreshTokens.NewFamily(), Grant, login, device.Request.ClientId, device.Request.Scopes, device.Request.Audiences, form)
            : throw new OAuthException("expired_token", "The device code has been used or its time is over: run postern login.");
    }

    // One that still waits for somebody.
    private DeviceRequest? Open(OneTime? item) =>
        item is { UsedAt: null } && item.ExpiresAt > time.GetUtcNow() && Read(item) is { Login: null, IsDenied: false } request ? request : null;

    private static DeviceRequest? Read(OneTime item) => JsonSerializer.Deserialize(item.Data, LoginJson.Default.DeviceRequest);

    private static string Shown(string code) => $"{code[..4]}-{code[4..]}";
}
