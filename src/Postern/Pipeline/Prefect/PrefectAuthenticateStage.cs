using Postern.Identity.Certificates;
using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>Credentials → caller. Until here no byte of the body was read and nothing was asked upstream. The credential ends here.</summary>
internal sealed class PrefectAuthenticateStage(LimitStage limits)
{
    public async ValueTask<Refusal?> RunAsync(PrefectCall call)
    {
        if (call.Route.IsOpen)
        {
            return null;
        }

        if (await PrefectPages.AuthenticateAsync(call) is { } session)
        {
            return Keep(call, session);
        }

        var identity = call.State.Identity;
        var certificate = identity.TakesCertificates ? call.Context.Features.Get<PresentedCertificate>() : null;
        var answer = await identity.AuthenticateAsync(call.Context.Request.Headers.Authorization, certificate, call.Source, call.Context.RequestAborted);
        return Keep(call, answer);
    }

    /// <summary>Judges a socket's cookie, where it brings one: any other credential of it may come in its first message.</summary>
    public async ValueTask<Refusal?> OfSessionAsync(PrefectCall call) =>
        call.Context.Request.Headers.Cookie.Count > 0 && await PrefectPages.AuthenticateAsync(call) is { } session ? Keep(call, session) : null;

    /// <summary>Sets who was found to be calling.</summary>
    public Refusal? Keep(PrefectCall call, Identity.AuthenticationResult answer)
    {
        if (AuthenticateStage.ForEngine(answer, call.Engine.Name, out var token) is { } refusal)
        {
            return refusal;
        }

        call.Token = token!;
        call.CallerState = CallerState.Of(token!, call.State.Policy, limits);
        return null;
    }
}
