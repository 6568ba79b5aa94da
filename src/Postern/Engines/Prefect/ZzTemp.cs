using System.Text.Json;
using Postern.Model;

namespace Postern.Engines.Prefect;

// A stand-in by the path alone, until the reader lands: whoever lands PrefectReader and PrefectJson removes this file.
internal readonly record struct PrefectReading(Operation? Operation, Refusal? Refusal);

internal static class PrefectReader
{
    public static PrefectReading Read(PrefectMatch match, PrefectPath path, JsonElement? body, string server)
    {
        var names = new PrefectNames { Server = server, Object = match.Route.Object, ObjectId = match.Route.Id is { } id ? match.ValueOf(id) : null };
        foreach (var (parameter, dimension) in match.Route.Named)
        {
            names = names.WithName(dimension, match.ValueOf(parameter));
        }

        return new PrefectReading(new Operation { Method = match.Route.Operation, First = new Demand { Permission = match.Route.Base, Prefect = names, Unknown = match.Route.Unknown, UnlessDenied = match.Route.IsForAnyCaller } }, null);
    }
}

internal static class PrefectJson
{
    public static JsonDocument? TryRead(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonDocument.Parse(body, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
