using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace Postern.Engines.Prefect;

/// <summary>
/// The token of an event list's next page: the first page's filter as JSON, in base64 twice and unsigned, so that whoever has one can write another. It is judged as a filter.
/// </summary>
internal static class PrefectPageToken
{
    public const string Parameter = "page-token";

    /// <summary>Reads the token of a query; its <c>filter</c> is the body that a first page would have.</summary>
    /// <param name="query">The call's query.</param>
    /// <param name="document">The token's content, an object. The caller disposes it.</param>
    public static bool TryRead(PrefectQuery query, out JsonDocument? document)
    {
        document = null;
        // Of several the server takes one.
        if (query.ValuesOf(Parameter).Take(2).ToArray() is not [var text] || !TryDecode(Encoding.UTF8.GetBytes(text), out var outer) || !TryDecode(outer, out var json)
            || !PrefectJson.TryRead(json, out document, out _))
        {
            return false;
        }

        if (document?.RootElement.ValueKind == JsonValueKind.Object)
        {
            return true;
        }

        document?.Dispose();
        document = null;
        return false;
    }

    /// <summary>Writes a token with the given content.</summary>
    public static string Write(ReadOnlySpan<byte> json) => Convert.ToBase64String(Encoding.ASCII.GetBytes(Convert.ToBase64String(json)));

    // The server's decoder skips what isn't base64: what it would read there, nobody else would.
    private static bool TryDecode(ReadOnlySpan<byte> text, out byte[] bytes)
    {
        bytes = [];
        if (text.IsEmpty || text.Length % 4 != 0 || text.ContainsAny(" \t\r\n"u8))
        {
            return false;
        }

        var decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        if (Base64.DecodeFromUtf8(text, decoded, out var consumed, out var written) != System.Buffers.OperationStatus.Done || consumed != text.Length)
        {
            return false;
        }

        bytes = decoded[..written];
        return true;
    }
}
