using Google.Protobuf;
using Postern.FunctionalTests.Infrastructure;
using Operator = Temporalio.Api.OperatorService.V1;
using Workflow = Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>docs/dev-engine.md says which methods have no answer, and is right.</summary>
public sealed class DevEngineDocumentTests
{
    private static readonly string[] Methods =
    [
        .. Workflow.ServiceReflection.Descriptor.Services.Single().Methods.Select(m => $"/{m.Service.FullName}/{m.Name}"),
        .. Operator.ServiceReflection.Descriptor.Services.Single().Methods.Select(m => $"/{m.Service.FullName}/{m.Name}"),
    ];

    [Fact]
    public async Task Document_ListsWhatIsUnimplemented()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var (unknown, refused) = (new List<string>(), new List<string>());
        foreach (var path in Methods)
        {
            // The namespace is all that a refusal needs; who lacks more says so with another status.
            var request = EngineCalls.Type(path, "Request").Parser.ParseFrom([]);
            request.Descriptor.FindFieldByName("namespace")?.Accessor.SetValue(request, "payments");
            var answer = await client.AskAsync(path, request, timeout: "1S");
            var name = path[(path.LastIndexOf('/') + 1)..];
            if (answer.Message.StartsWith("unknown method", StringComparison.Ordinal))
            {
                unknown.Add(name);
            }
            else if (answer.Status == GrpcCode.Unimplemented)
            {
                refused.Add(name);
            }
        }

        Assert.Equal(unknown, Listed("unimplemented"));
        Assert.Equal(refused, Listed("refused"));
    }

    private static IEnumerable<string> Listed(string part)
    {
        var text = File.ReadAllText(Path.Combine(Recording.Folder, "../../../docs/dev-engine.md"));
        var from = text.IndexOf($"<!-- {part} -->", StringComparison.Ordinal);
        var to = text.IndexOf($"<!-- /{part} -->", StringComparison.Ordinal);
        return text[from..to].Split('`').Where((_, i) => i % 2 == 1);
    }
}
