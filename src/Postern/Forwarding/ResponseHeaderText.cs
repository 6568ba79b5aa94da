using System.Buffers;
using System.Text;

namespace Postern.Forwarding;

/// <summary>What the gate can write into an answer's headers: visible ASCII, and in the one header that holds names of people's things also Latin-1, as engines write it.</summary>
internal static class ResponseHeaderText
{
    private const string Named = "Content-Disposition";

    private static readonly SearchValues<char> Control = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Where(c => c != '\t').Select(c => (char)c), '\x7f']);

    /// <summary>The encoding of a header's value; null for ASCII. Asked for each header of each answer.</summary>
    public static Encoding? EncodingOf(string name) => name.Length == Named.Length && name.Equals(Named, StringComparison.OrdinalIgnoreCase) ? Encoding.Latin1 : null;

    public static bool IsWritable(string name, string value) =>
        !value.AsSpan().ContainsAny(Control) && !value.AsSpan().ContainsAnyExceptInRange('\0', EncodingOf(name) is null ? '\x7f' : '\xff');
}
