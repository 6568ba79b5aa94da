namespace Postern.Model;

/// <summary>Closes what the gate hands out and reads again itself, so that nobody else can read or make it.</summary>
/// <param name="Close">Encrypts and authenticates.</param>
/// <param name="Open">The data; null where it isn't ours or was altered.</param>
internal sealed record SecretSeal(Func<byte[], byte[]> Close, Func<byte[], byte[]?> Open);
