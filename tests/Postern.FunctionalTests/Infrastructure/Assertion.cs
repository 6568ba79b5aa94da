using System.Text.Json;
using Temporalio.Api.Common.V1;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>The assertion of a caller, found where workflow code would find it.</summary>
internal sealed class Assertion : SignedToken
{
    public const string Key = "postern-caller";

    private Assertion(string text)
        : base(text)
    {
    }

    public static Assertion Of(Header header)
    {
        var payload = header.Fields[Key];
        Assert.Equal("json/plain", Assert.Single(payload.Metadata).Value.ToStringUtf8());
        return new Assertion(JsonSerializer.Deserialize<string>(payload.Data.Span)!);
    }

    /// <summary>The key set that the gate publishes for readers of assertions, or for its engine.</summary>
    public static async Task<JsonElement> KeySetAsync(Gate gate, string path = "/caller")
    {
        using var http = new HttpClient();
        return JsonDocument.Parse(await http.GetStringAsync(new Uri($"http://{gate.KeysAddress}{path}"), TestContext.Current.CancellationToken)).RootElement;
    }

    /// <summary>The header without its assertion, as the client sent it, if there was none of that name; null for one that carries nothing else.</summary>
    public static Header? TakenFrom(Header header)
    {
        Assert.True(header.Fields.Remove(Key));
        return header.Fields.Count == 0 ? null : header;
    }
}
