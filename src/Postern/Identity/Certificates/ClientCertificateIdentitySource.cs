using System.Collections.Immutable;
using Postern.Identity.Accounts;
using Postern.Model;

namespace Postern.Identity.Certificates;

/// <summary>
/// Callers by the client certificate of their connection. It speaks for an account, or names its caller itself (SPIFFE ids among them). One that no entry takes is
/// part of the transport and names nobody.
/// </summary>
internal sealed class ClientCertificateIdentitySource : IIdentitySource
{
    private static readonly TimeSpan RememberFor = TimeSpan.FromMinutes(5);

    private readonly ImmutableArray<CertificateEntry> _entries;
    private readonly AccountDirectory? _directory;
    private readonly Revocations? _revocations;
    private readonly TimeProvider _time;
    private volatile ClientCertificateIdentitySource? _successor;

    /// <param name="options">The entries; their files are read.</param>
    /// <param name="before">The source that this one is to follow: what rests on an entry that stays the same goes on.</param>
    /// <param name="directory">The accounts; null where the gate keeps none.</param>
    /// <param name="revocations">What was revoked; null where nothing can be.</param>
    /// <param name="time">The clock.</param>
    public ClientCertificateIdentitySource(
        IReadOnlyList<CertificateOptions> options, ClientCertificateIdentitySource? before, AccountDirectory? directory, Revocations? revocations, TimeProvider time)
    {
        _entries = [.. options.Select((entry, i) => new CertificateEntry(entry, i)).Select(entry => before?._entries.FirstOrDefault(known => known.Print == entry.Print) ?? entry)];
        _directory = directory;
        _revocations = revocations;
        _time = time;
    }

    /// <summary>The source that is in force by now.</summary>
    public ClientCertificateIdentitySource Latest
    {
        get
        {
            var latest = this;
            while (latest._successor is { } next)
            {
                latest = next;
            }

            return latest;
        }
    }

    public Task FirstFetch => Task.CompletedTask;

    public IEnumerable<string> Missing() => [];

    public bool Takes(Credential credential) => credential.Certificate is { } certificate && Look(certificate).Entry is not null;

    public ValueTask<AuthenticationResult> VerifyAsync(Credential credential, CancellationToken cancellation) => new(Verify(credential.Certificate!));

    /// <summary>What is known of a certificate; looked for once per connection.</summary>
    public KnownCertificate Look(PresentedCertificate certificate)
    {
        if (certificate.KnownTo(this) is { } known)
        {
            return known;
        }

        var names = CertificateNames.Read(certificate.Certificate);
        var now = _time.GetUtcNow();
        return certificate.Remember(new KnownCertificate(this, _entries.FirstOrDefault(entry => (names is null || entry.Fits(names)) && entry.Judge(certificate, now).IsTheirs), null));
    }

    /// <summary>The entry that a certificate speaks by at the moment; where there is none, why what rests on it has to end.</summary>
    public (CertificateEntry? Entry, LeaseEnd Otherwise) EntryOf(PresentedCertificate certificate) =>
        Look(certificate).Entry is not { } entry ? (null, LeaseEnd.Revoked)
        : Verify(certificate).Refusal is { } refusal ? (null, refusal.Reason == RefusalReason.CannotTell ? LeaseEnd.Changed : LeaseEnd.Revoked)
        : (entry, LeaseEnd.None);

    public ValueTask RetireAsync(IIdentitySource? other)
    {
        // Before their leases end, so that whoever sees that finds the next.
        _successor = other as ClientCertificateIdentitySource;
        var shared = (other as ClientCertificateIdentitySource)?._entries ?? [];
        foreach (var entry in _entries.Except(shared))
        {
            entry.Lease.End(LeaseEnd.Changed);
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private AuthenticationResult Verify(PresentedCertificate certificate)
    {
        var entry = Look(certificate).Entry!;
        var now = _time.GetUtcNow();
        var verdict = entry.Judge(certificate, now);
        if (!verdict.IsTheirs || verdict.Problem is not null)
        {
            return Refuse(verdict.Problem ?? "The certificate can't be verified.", $"certificate {certificate.Id}");
        }

        if (CertificateNames.Read(certificate.Certificate) is not { } names)
        {
            return Refuse("The certificate's names can't be read with certainty.", "certificate names");
        }

        if (entry.IsDenied(certificate))
        {
            return Refuse("The certificate was revoked.", $"deniedSerials of {entry.Options.Name}");
        }

        var leases = new List<Lease>();
        var (caller, refusal) = entry.Options.Account is { } account ? OfAccount(account, certificate, verdict.Ends, leases) : OfNames(entry.Options, names, certificate, verdict.Ends);
        if (caller is null)
        {
            return refusal!;
        }

        caller = caller.NarrowedTo([.. entry.Options.Namespaces], []) with { Certificate = names.Name };
        if (_revocations is not null)
        {
            leases.Add(new RevocationLease(_revocations) { Certificate = certificate.Id, Caller = caller.Name, Issued = new DateTimeOffset(certificate.Certificate.NotBefore) });
        }

        if (!leases.All(lease => lease.Holds(now)))
        {
            return Refuse("The certificate was revoked.", "revoked");
        }

        var token = new VerifiedToken(caller, caller.ExpiresAt < now + RememberFor ? caller.ExpiresAt : now + RememberFor, new CertificateLease(this, entry, certificate)) { Leases = leases };
        certificate.Remember(new KnownCertificate(this, entry, token));
        return token;
    }

    private (Caller?, Refusal?) OfAccount(string name, PresentedCertificate certificate, DateTimeOffset ends, List<Lease> leases)
    {
        if (_directory is null)
        {
            return (null, new Refusal(RefusalReason.CannotTell, "Accounts can't be looked up at the moment.", "no accounts before the next start"));
        }

        if (_directory.AccountFor(name, out var refusal) is not { } account)
        {
            return (null, refusal);
        }

        leases.Add(account.Lease);
        return (account.ToCaller(CredentialKind.Certificate, certificate.Id, ends), null);
    }

    private static (Caller?, Refusal?) OfNames(CertificateOptions options, CertificateNames names, PresentedCertificate certificate, DateTimeOffset ends)
    {
        var (subject, kind) = options.Subject switch
        {
            CertificateSubject.Uri => (CertificateNames.Only(names.Uris), "URI"),
            CertificateSubject.Dns => (CertificateNames.Only(names.Dns), "DNS name"),
            _ => (CertificateNames.Only(names.CommonNames), "common name"),
        };
        return subject is null
            ? (null, Unauthenticated($"The certificate has not exactly one {kind} to be called by.", "certificate names"))
            : (new Caller
            {
                Kind = options.Kind, Issuer = options.Name, Subject = subject, Name = $"{options.Name}/{subject}", DisplayName = subject,
                Credential = CredentialKind.Certificate, CredentialId = certificate.Id, ExpiresAt = ends,
            }, null);
    }

    private static Refusal Unauthenticated(string text, string detail) => new(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail);

    private static AuthenticationResult Refuse(string text, string detail) => Unauthenticated(text, detail);
}
