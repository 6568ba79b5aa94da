using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Identity;

/// <summary>The SHA-256 of a token's text: what it is remembered under, since the text itself is a secret.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TokenDigest(ulong A, ulong B, ulong C, ulong D)
{
    // The pool may have to allocate whenever a collection emptied it: tokens of the usual size stay off it.
    private const int LargestOnStack = 4096;

    /// <summary>False for a text that isn't ASCII: no token is.</summary>
    public static bool TryOf(string text, out TokenDigest digest)
    {
        digest = default;
        byte[]? rented = null;
        var bytes = text.Length <= LargestOnStack ? stackalloc byte[text.Length] : (rented = ArrayPool<byte>.Shared.Rent(text.Length)).AsSpan(0, text.Length);
        try
        {
            if (Ascii.FromUtf16(text, bytes, out _) != OperationStatus.Done)
            {
                return false;
            }

            SHA256.HashData(bytes, MemoryMarshal.AsBytes(new Span<TokenDigest>(ref digest)));
            return true;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    public override int GetHashCode() => (int)A;
}
