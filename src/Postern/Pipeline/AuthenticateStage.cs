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

        return new(Keep(call, answer.Result));
    }

    private async ValueTask<Refusal?> AwaitAsync(Call call, ValueTask<Identity.AuthenticationResult> pending)
    {
        return Keep(call, await pending);
    }

    /// <summary>Whether the caller that was found may call the engine at all: a token may have been made for some only.</summary>
    public static Refusal? ForEngine(Identity.AuthenticationResult answer, string engine, out Identity.VerifiedToken? token)
    {
        token = answer.Token;
        return token is null ? answer.Refusal ?? new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated.")
            : !token.Caller.Engines.IsEmpty && !token.Caller.Engines.Contains(engine) ? new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. The token was made for another engine.", "aud")
            : null;
    }

    private Refusal? Keep(Call call, in Identity.AuthenticationResult answer)
    {
        if (ForEngine(answer, call.Engine.Name, out var token) is { } refusal)
        {
            return refusal;
        }

        call.Token = token!;
        call.CallerState = CallerState.Of(token!, call.State.Policy, limits);
        return null;
    }
}
