namespace Postern.Model;

/// <summary>A keyed hash for secrets that must be known again and not kept: who reads the store learns none and can try none without the gates' own key.</summary>
/// <param name="Of">The hash of a secret.</param>
/// <param name="IsOf">Whether a hash is the secret's; takes the same time wherever it differs.</param>
internal sealed record SecretHash(Func<byte[], byte[]> Of, Func<byte[], ReadOnlyMemory<byte>, bool> IsOf);
