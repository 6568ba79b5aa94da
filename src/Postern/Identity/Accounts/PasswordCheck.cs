using System.Net;
using Postern.Model;

namespace Postern.Identity.Accounts;

/// <summary>
/// Whether a name and a password are a local user's. Throttled, and on threads of its own measure: a check costs a fifth of a second of a core, which calls must
/// not lose to whoever guesses.
/// </summary>
internal sealed class PasswordCheck(AccountDirectory directory, TimeProvider time) : IDisposable
{
    private const int MostWaiting = 20;

    // Somebody whom nobody knows costs what a user does.
    private static readonly string s_nobodys = Passwords.OfNobody();

    private readonly PasswordThrottle _throttle = new(time);
    private readonly SemaphoreSlim _running = new(Math.Max(1, Environment.ProcessorCount / 4));
    private int _waiting;

    /// <summary>The user, or the refusal: exactly one is set.</summary>
    public async Task<(Principal? User, Refusal? Refusal)> VerifyAsync(string name, string password, IPAddress? source, CancellationToken cancellation)
    {
        if (!directory.IsLoaded)
        {
            return (null, new Refusal(RefusalReason.CannotTell, "Users can't be looked up at the moment.", "the store was not read yet"));
        }

        var user = directory.FindNamed(name) is { User: not null } known ? known : null;
        if (password.Length > Passwords.Longest || _throttle.Begin(user?.Id, name, source) is not { } begun)
        {
            return (null, password.Length > Passwords.Longest ? Wrong(user) : Limited("too many wrong passwords"));
        }

        if (Interlocked.Increment(ref _waiting) > MostWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            begun.Succeeded();
            return (null, Limited("too many passwords are being checked"));
        }

        try
        {
            await _running.WaitAsync(cancellation);
            try
            {
                var isRight = await Task.Run(() => Passwords.Verify(password, user?.User!.Password ?? s_nobodys), CancellationToken.None);
                if (user is null || !isRight)
                {
                    return (null, Wrong(user));
                }
            }
            finally
            {
                _running.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }

        begun.Succeeded();
        // Told only to whoever knows the password.
        return user.Problem(time.GetUtcNow()) is { } problem ? (null, new Refusal(RefusalReason.Unauthenticated, $"Request unauthenticated. The account {problem}.", $"user {user.Name}")) : (user, null);
    }

    public void Dispose() => _running.Dispose();

    private static Refusal Wrong(Principal? user) => new(RefusalReason.Unauthenticated, "Request unauthenticated. Name or password is wrong.", user is null ? "no such user" : $"wrong password of {user.Name}");

    private static Refusal Limited(string why) => new(RefusalReason.Limited, "Too many tries: wait a while.", why) { RetryAfter = PasswordThrottle.OneMoreAfter };
}
