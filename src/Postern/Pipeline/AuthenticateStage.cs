using Postern.Identity.Certificates;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>Credentials → caller. Until here no byte of the body was read and nothing was asked upstream. The credential ends here: no later stage reads it.</summary>
internal sealed class AuthenticateStage(LimitStage limits)
{
    public ValueTask<Refusal?> RunAsync(Call call)
    {
        var headers = call.RequestHeaders;
        var identity = call.State.Identity;
        // Asked of the connection only where it can matter: most gates have no such entry.
        var certificate = identity.TakesCertificates ? call.Features.Get<PresentedCertificate>() : null;
        var answer = identity.AuthenticateAsync(headers.Authorization, certificate, call.Source, call.Lifetime.RequestAborted);
        if (!answer.IsCompletedSuccessfully)
        {
            return AwaitAsync(call, answer);
        }

        var (token, refusal) = answer.Result;
        return new(Keep(call, token, refusal));
    }

    private async ValueTask<Refusal?> AwaitAsync(Call call, ValueTask<Identity.AuthenticationResult> pending)
    {
        var answer = await pending;
        return Keep(call, answer.Token, answer.Refusal);
    }

    private Refusal? Keep(Call call, Identity.VerifiedToken? token, Refusal? refusal)
    {
        if (token is null)
        {
            return refusal ?? new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated.");
        }

        if (!token.Caller.Engines.IsEmpty && !token.Caller.Engines.Contains(call.Engine.Name))
        {
            return new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. The token was made for another engine.", "aud");
        }

        call.Token = token;
        call.CallerState = CallerState.Of(token, call.State.Policy, limits);
        return null;
    }
}
