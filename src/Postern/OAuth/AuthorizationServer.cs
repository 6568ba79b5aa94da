using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Model;
using Postern.Telemetry;
using Postern.Tokens;

namespace Postern.OAuth;

/// <summary>
/// The gate's OAuth 2.0 authorization server: what stands on the public listeners beside the engines' calls. It knows requests and grants; who somebody is, the
/// identity sources say, as for every call.
/// </summary>
internal sealed partial class AuthorizationServer(
    AccessTokens tokens, IdentitySources identity, OAuthClients clients, TokenGrants grants, TokenStatus status, SignIns signIns, Logins logins, DeviceLogins devices, OAuthRecords records, Func<Caller, IPAddress?, byte[]> whoAmI, TimeProvider time, ILogger logger)
{
    private const string NoStore = "no-store";

    /// <summary>Whether a request is for one of the endpoints, by its exact path. Anything else is judged as an engine's call.</summary>
    public static bool Serves(string target) => OAuthPaths.MayBe(target) && OAuthPaths.IsKnown(PathOf(target));

    public async Task AnswerAsync(IFeatureCollection features, string target, IPAddress? source)
    {
        var context = new DefaultHttpContext(features);
        var asked = new Asked();
        try
        {
            await AnswerAsync(context, PathOf(target), source, asked);
        }
        catch (OAuthException e)
        {
            if (e.Counts)
            {
                identity.NoteFailure(source);
            }

            if (e.Code is not ("authorization_pending" or "slow_down"))
            {
                Log.Refused(logger, PathOf(target), e.Code, e.Message, source);
                records.Refused(PathOf(target), e.Code, e.Status, e.Message, source, asked.Client);
            }

            await RefuseAsync(context, PathOf(target), e);
        }
        catch (StoreUnavailableException e)
        {
            var refusal = OAuthException.Unavailable("Sessions can't be looked up at the moment; try again.");
            Log.StoreAway(logger, PathOf(target), e.Message);
            records.Refused(PathOf(target), refusal.Code, refusal.Status, "the store is away", source, asked.Client);
            await RefuseAsync(context, PathOf(target), refusal);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to read an answer.
            context.Abort();
        }
        catch (Exception e) when (e is not OutOfMemoryException && !context.Response.HasStarted)
        {
            var refusal = new OAuthException("server_error", "Something went wrong in the gate.", StatusCodes.Status500InternalServerError);
            Log.Bug(logger, PathOf(target), e);
            records.Refused(PathOf(target), refusal.Code, refusal.Status, e.GetType().Name, source, asked.Client);
            await RefuseAsync(context, PathOf(target), refusal);
        }
    }

    private async Task AnswerAsync(HttpContext context, string path, IPAddress? source, Asked asked)
    {
        var isRead = HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method);
        switch (path)
        {
            case OAuthPaths.Metadata when isRead:
                await WriteAsync(context, Metadata(), "max-age=300");
                return;
            case OAuthPaths.Keys when isRead:
                await WriteKeysAsync(context);
                return;
            case OAuthPaths.WhoAmI when isRead:
                await WhoAmIAsync(context, source);
                return;
            case OAuthPaths.Authorize or OAuthPaths.SignIn or OAuthPaths.Callback or OAuthPaths.Device when HttpMethods.IsGet(context.Request.Method):
                CheckExhausted(source);
                await (path switch
                {
                    OAuthPaths.Authorize => logins.AuthorizeAsync(context), OAuthPaths.SignIn => signIns.ChooseProviderAsync(context), OAuthPaths.Callback => signIns.CallbackAsync(context, source),
                    _ => devices.EnterAsync(context),
                });
                return;
            case OAuthPaths.SignIn or OAuthPaths.Token or OAuthPaths.Revoke or OAuthPaths.Introspect or OAuthPaths.DeviceAuthorization or OAuthPaths.Device when HttpMethods.IsPost(context.Request.Method):
                break;
            default:
                context.Response.Headers.Allow = path is OAuthPaths.Metadata or OAuthPaths.Keys or OAuthPaths.WhoAmI ? "GET, HEAD" : path is OAuthPaths.Device or OAuthPaths.SignIn ? "GET, POST" : OAuthPaths.IsPage(path) ? "GET" : "POST";
                throw new OAuthException("invalid_request", "The endpoint doesn't take this method.", StatusCodes.Status405MethodNotAllowed);
        }

        CheckExhausted(source);
        var form = await OAuthForm.ReadAsync(context, source, time);
        if (OAuthPaths.IsPage(path))
        {
            await (path == OAuthPaths.Device ? devices.DecideAsync(context, form) : signIns.SignInAsync(context, form));
            return;
        }

        asked.Client = form["client_id"] ?? OAuthClients.NamedInHeader(form);
        var client = await clients.AuthenticateAsync(form);
        switch (path)
        {
            case OAuthPaths.Revoke:
                await status.RevokeAsync(form, client);
                await WriteAsync(context, null, NoStore);
                break;
            case OAuthPaths.Introspect:
                await WriteAsync(context, await status.IntrospectAsync(form, client), NoStore);
                break;
            case OAuthPaths.DeviceAuthorization:
                // Anybody may ask, and each leaves a row: bounded like what fails.
                identity.NoteFailure(source);
                await WriteAsync(context, await devices.BeginAsync(form, client), NoStore);
                break;
            default:
                await WriteAsync(context, await grants.AnswerAsync(form, client), NoStore);
                break;
        }
    }

    // Who the caller is, as for any call, and what the policy says of him: he could find it out by asking.
    private async Task WhoAmIAsync(HttpContext context, IPAddress? source)
    {
        CheckExhausted(source);
        var (token, refusal) = await identity.AuthenticateAsync(context.Request.Headers.Authorization, source, context.RequestAborted);
        if (token is null)
        {
            throw refusal!.Reason switch
            {
                RefusalReason.CannotTell => OAuthException.Unavailable(refusal.Text),
                RefusalReason.Limited => OAuthException.TooMany(refusal.Text, refusal.RetryAfter),
                // RFC 6750 §3.1. What failed was counted where it failed.
                _ => new OAuthException("invalid_token", refusal.Text, StatusCodes.Status401Unauthorized),
            };
        }

        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = NoStore;
        await context.Response.BodyWriter.WriteAsync(whoAmI(token.Caller, source), context.RequestAborted);
    }

    private void CheckExhausted(IPAddress? source)
    {
        if (identity.IsExhausted(source))
        {
            throw OAuthException.TooMany("Too many failed attempts from this address.", null);
        }
    }

    // RFC 8414 §2. Only what is there.
    private JsonObject Metadata() => new()
    {
        ["issuer"] = tokens.Issuer,
        ["token_endpoint"] = tokens.Issuer + OAuthPaths.Token,
        ["jwks_uri"] = tokens.Issuer + OAuthPaths.Keys,
        ["revocation_endpoint"] = tokens.Issuer + OAuthPaths.Revoke,
        ["introspection_endpoint"] = tokens.Issuer + OAuthPaths.Introspect,
        ["response_types_supported"] = new JsonArray("code"),
        ["authorization_endpoint"] = tokens.Issuer + OAuthPaths.Authorize,
        ["device_authorization_endpoint"] = tokens.Issuer + OAuthPaths.DeviceAuthorization,
        ["code_challenge_methods_supported"] = new JsonArray("S256"),
        ["authorization_response_iss_parameter_supported"] = true,
        ["grant_types_supported"] = new JsonArray([.. grants.Supported.Select(grant => (JsonNode)grant)]),
        ["authorization_details_types_supported"] = new JsonArray(TaskDetails.Type),
        ["token_endpoint_auth_methods_supported"] = Methods("none"),
        ["token_endpoint_auth_signing_alg_values_supported"] = Algorithms(),
        ["revocation_endpoint_auth_methods_supported"] = Methods("none"),
        ["revocation_endpoint_auth_signing_alg_values_supported"] = Algorithms(),
        ["introspection_endpoint_auth_methods_supported"] = Methods(),
        ["introspection_endpoint_auth_signing_alg_values_supported"] = Algorithms(),
    };

    private JsonArray Methods(params ReadOnlySpan<string> more) =>
    [
        "client_secret_basic", "client_secret_post", "private_key_jwt", .. identity.TakesCertificates ? (ReadOnlySpan<JsonNode>)["tls_client_auth"] : [], .. more.ToArray().Select(one => (JsonNode)one),
    ];

    private static JsonArray Algorithms() => [.. Identity.Jwt.TokenAlgorithms.All.Select(one => (JsonNode)one)];

    private async Task WriteKeysAsync(HttpContext context)
    {
        var set = tokens.Keys.PublicSet;
        if (set.IsEmpty)
        {
            throw OAuthException.Unavailable("The keys can't be read at the moment.");
        }

        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "max-age=300";
        context.Response.ContentLength = set.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.BodyWriter.WriteAsync(set, context.RequestAborted);
        }
    }

    private static async Task RefuseAsync(HttpContext context, string path, OAuthException refusal)
    {
        context.Response.StatusCode = refusal.Status;
        if (refusal.Status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"postern\", charset=\"UTF-8\"";
        }

        if (refusal.RetryAfter is { } after)
        {
            context.Response.Headers.RetryAfter = ((int)Math.Ceiling(after.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        if (OAuthPaths.IsPage(path))
        {
            await LoginPages.MessageAsync(context, refusal.Status, "Not signed in", refusal.Message);
            return;
        }

        await WriteAsync(context, new JsonObject { ["error"] = refusal.Code, ["error_description"] = refusal.Message }, NoStore);
    }

    private static async Task WriteAsync(HttpContext context, JsonObject? body, string cache)
    {
        context.Response.Headers.CacheControl = cache;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        if (body is null)
        {
            return;
        }

        var bytes = System.Text.Encoding.UTF8.GetBytes(body.ToJsonString());
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.BodyWriter.WriteAsync(bytes, context.RequestAborted);
        }
    }

    // For the record of what is refused.
    private sealed class Asked
    {
        public string? Client { get; set; }
    }

    private static string PathOf(string target) => target.IndexOf('?', StringComparison.Ordinal) is var query and >= 0 ? target[..query] : target;

    private static partial class Log
    {
        [LoggerMessage(EventIds.OAuth + 2, LogLevel.Information, "Refused {Path}: {Error}: {Reason} ({Source})")]
        public static partial void Refused(ILogger logger, string path, string error, string reason, IPAddress? source);

        [LoggerMessage(EventIds.OAuth + 3, LogLevel.Warning, "Can't answer {Path}: the store is away: {Reason}")]
        public static partial void StoreAway(ILogger logger, string path, string reason);

        [LoggerMessage(EventIds.OAuth + 4, LogLevel.Error, "A request to {Path} failed in the gate itself")]
        public static partial void Bug(ILogger logger, string path, Exception exception);
    }
}
