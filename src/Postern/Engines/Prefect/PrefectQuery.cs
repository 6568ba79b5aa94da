using System.Buffers;

namespace Postern.Engines.Prefect;

/// <summary>
/// The query of a target, read as the server reads it (pairs between ampersands, a plus sign for a space) and sent on byte for byte. A key may stand in it several times, and
/// which of the values counts is the server's to choose: whoever judges one looks at all of them.
/// </summary>
internal sealed class PrefectQuery
{
    public static readonly PrefectQuery None = new("", []);

    // Anything else would reach the server in a form that depends on who wrote it last.
    private static readonly SearchValues<char> Refused = SearchValues.Create("\"<>\\;");

    // A credential in a target ends in every log on the way.
    private static readonly string[] Credentials =
    [
        "access_token", "api_key", "apikey", "auth", "auth_token", "authorization", "client_assertion", "client_secret", "id_token", "password", "refresh_token", "secret", "token",
    ];

    private readonly KeyValuePair<string, string>[] _pairs;

    private PrefectQuery(string text, KeyValuePair<string, string>[] pairs)
    {
        Text = text;
        _pairs = pairs;
    }

    /// <summary>As the client wrote it, without its question mark.</summary>
    public string Text { get; }

    public ReadOnlySpan<KeyValuePair<string, string>> Pairs => _pairs;

    public static bool TryRead(string text, out PrefectQuery query, out string fault)
    {
        query = None;
        fault = "";
        if (text.Length == 0)
        {
            return true;
        }

        if (text.AsSpan().ContainsAny(Refused))
        {
            fault = "the query has a character that a query can't have";
            return false;
        }

        var pairs = new List<KeyValuePair<string, string>>(4);
        foreach (var range in text.AsSpan().Split('&'))
        {
            var pair = text.AsSpan()[range];
            if (pair.IsEmpty)
            {
                continue;
            }

            var mark = pair.IndexOf('=');
            if (!PercentText.TryDecode(mark < 0 ? pair : pair[..mark], plusIsSpace: true, out var name, out fault)
                || !PercentText.TryDecode(mark < 0 ? [] : pair[(mark + 1)..], plusIsSpace: true, out var value, out fault))
            {
                return false;
            }

            if (IsCredential(name, value))
            {
                fault = "the query carries a credential, which belongs in a header";
                return false;
            }

            pairs.Add(new KeyValuePair<string, string>(name, value));
        }

        query = new PrefectQuery(text, [.. pairs]);
        return true;
    }

    /// <summary>Whether a key stands in the query at all.</summary>
    public bool Has(string name) => Array.Exists(_pairs, pair => string.Equals(pair.Key, name, StringComparison.Ordinal));

    /// <summary>Every value of a key.</summary>
    public IEnumerable<string> ValuesOf(string name) => _pairs.Where(pair => string.Equals(pair.Key, name, StringComparison.Ordinal)).Select(pair => pair.Value);

    private static bool IsCredential(string name, string value)
        => Array.Exists(Credentials, known => string.Equals(known, name.Trim(), StringComparison.OrdinalIgnoreCase)) || IsKeyOrToken(value) || IsKeyOrToken(name);

    // A key of the gate's own, or what looks like a JWT: the base64 of {" with two dots behind it.
    private static bool IsKeyOrToken(string text)
    {
        var bare = text.AsSpan().Trim();
        return bare.StartsWith("pst_", StringComparison.Ordinal) || (bare.StartsWith("eyJ", StringComparison.Ordinal) && bare.Count('.') >= 2);
    }
}
