using Postern.Client;
using Postern.Commands.Terminal;

namespace Postern.Commands.Workload;

/// <summary>A person's login on this machine (<c>postern login</c>) as what tokens are asked for with, so that the person's own programs needn't be a workload.</summary>
internal static class LoginGrant
{
    private const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";

    /// <summary>Exchanges the session's access token, which is refreshed and kept as <c>whoami</c> does; the session is read for every token.</summary>
    public static PosternGrant Of(string profile, TimeProvider time) => PosternGrant.TokenExchange(
        async cancellation =>
        {
            try
            {
                var session = LoginSession.Read(profile) ?? throw new LoginException(Nobody(profile), "invalid_grant");
                using var http = TerminalOptions.Http(session.Authority);
                var endpoint = await OAuthEndpoint.DiscoverAsync(http, session.Issuer, time, cancellation);
                return (await TerminalOptions.FreshAsync(session, profile, endpoint, time, cancellation)).AccessToken;
            }
            catch (LoginException e)
            {
                throw new PosternTokenException(e.Message, e) { Error = e.Error, IsTransient = e.Error is null };
            }
            catch (InvalidDataException e)
            {
                throw new PosternTokenException(e.Message, e);
            }
        },
        AccessTokenType);

    public static string Nobody(string profile) => $"Nobody is logged in in the profile {profile}: run postern login.";
}
