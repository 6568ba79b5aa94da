using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.Model;

namespace Postern.Tests.Engines.Temporal;

/// <summary>Requests read as the gate reads them.</summary>
internal static class TemporalRequests
{
    private static readonly TemporalCatalogue s_catalogue = TemporalCatalogue.Load(null);

    public static IReadOnlyList<TemporalMethod> Methods => s_catalogue.Methods;

    public static Operation Read(string method, IMessage message) => Read(method, message.ToByteArray());

    public static Operation Read(string method, byte[] message)
    {
        var operation = TemporalReader.Read(s_catalogue.Methods.Single(m => string.Equals(m.Name, method, StringComparison.Ordinal)), message, out var refusal);
        Assert.Null(refusal);
        return Assert.IsType<Operation>(operation);
    }

    public static Permission[] Permissions(Operation operation) => [.. Enumerable.Range(0, operation.Count).Select(i => operation[i].Permission)];
}
