using System.Text;
using Postern.Identity.Accounts;
using Postern.Model;

namespace Postern.Identity.ApiKeys;

/// <summary>Callers by the gate's own keys. Found by their public id in memory, proved by a keyed hash; no call waits for the store.</summary>
internal sealed class ApiKeyIdentitySource(AccountDirectory directory, SecretHash hash, TimeProvider time) : IIdentitySource
{
    private static readonly TimeSpan RememberFor = TimeSpan.FromMinutes(5);

    // An id that nobody has costs the same as one that somebody has.
    private readonly byte[] _nobodys = hash.Of(Encoding.ASCII.GetBytes(ApiKeyText.Create().Text));

    public Task FirstFetch => Task.CompletedTask;

    public IEnumerable<string> Missing()
    {
        if (!directory.IsLoaded)
        {
            yield return "accounts: not read from the store yet";
        }
    }

    public bool Takes(Credential credential) => credential.Shape == CredentialShape.ApiKey;

    public ValueTask<AuthenticationResult> VerifyAsync(Credential credential, CancellationToken cancellation) => new(Verify(credential));

    public ValueTask RetireAsync(IIdentitySource? other) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private AuthenticationResult Verify(Credential credential)
    {
        if (ApiKeyText.IdOf(credential.Token) is not { } id)
        {
            return Refuse("The key is not whole.", "key malformed");
        }

        var known = directory.FindKey(id);
        if (!hash.IsOf(Encoding.ASCII.GetBytes(credential.Token), known?.Key.Hash.AsMemory() ?? _nobodys) || known is null)
        {
            return directory.IsLoaded
                ? Refuse("The key is not one of ours.", "key unknown")
                : new Refusal(RefusalReason.CannotTell, "Keys can't be looked up at the moment.", "the store was not read yet");
        }

        var (owner, problem) = directory.Judge(known);
        if (owner is null)
        {
            return Refuse(problem!, $"key {id}");
        }

        var bounds = owner.ToCaller(CredentialKind.ApiKey, id, known.Key.ExpiresAt);
        var caller = known.Key.Namespaces.IsEmpty && known.Key.Roles.IsEmpty ? bounds : bounds.NarrowedTo(known.Key.Namespaces, known.Key.Roles);
        var now = time.GetUtcNow();
        return new VerifiedToken(caller, caller.ExpiresAt < now + RememberFor ? caller.ExpiresAt : now + RememberFor, known.Lease)
        {
            Leases = [owner.Lease],
            Sources = known.Sources,
            Use = known.Use,
        };
    }

    private static AuthenticationResult Refuse(string text, string detail) => new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail);
}
