namespace Postern.Identity.Certificates;

/// <summary>
/// That the configuration goes on taking a connection's certificate for the same caller. Where a reload changed the entry that took it, the new entries are asked, once: so
/// authorities are replaced without ending what is open.
/// </summary>
/// <param name="source">The source that verified it.</param>
/// <param name="entry">The entry that took it.</param>
/// <param name="certificate">The certificate, with what the client sent beside it.</param>
internal sealed class CertificateLease(ClientCertificateIdentitySource source, CertificateEntry entry, PresentedCertificate certificate) : Lease
{
    private Standing _standing = new(source, entry, LeaseEnd.None);

    public override LeaseEnd Ended
    {
        get
        {
            var standing = Volatile.Read(ref _standing);
            if (standing.End != LeaseEnd.None || standing.Entry.Lease.Ended == LeaseEnd.None)
            {
                return standing.End;
            }

            var latest = standing.Source.Latest;
            var (next, otherwise) = ReferenceEquals(latest, standing.Source) ? (null, standing.Entry.Lease.Ended) : latest.EntryOf(certificate);
            standing = next is null ? standing with { End = otherwise }
                : next.Meaning != standing.Entry.Meaning ? standing with { End = LeaseEnd.Changed }
                : new Standing(latest, next, LeaseEnd.None);
            Volatile.Write(ref _standing, standing);
            return standing.End;
        }
    }

    // A new call is judged by the entries that are in force, always.
    public override bool Holds(DateTimeOffset now) => entry.Lease.Holds(now);

    private sealed record Standing(ClientCertificateIdentitySource Source, CertificateEntry Entry, LeaseEnd End);
}
