using Google.Protobuf.Reflection;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>The official API as the generated classes describe it: an authority of its own beside the gate's catalogue.</summary>
internal static class TemporalApi
{
    /// <summary>Every method by its path.</summary>
    public static IReadOnlyDictionary<string, MethodDescriptor> Methods { get; } =
        Temporalio.Api.WorkflowService.V1.ServiceReflection.Descriptor.Services
            .Concat(Temporalio.Api.OperatorService.V1.ServiceReflection.Descriptor.Services)
            .SelectMany(service => service.Methods)
            .ToDictionary(method => $"/{method.Service.FullName}/{method.Name}", StringComparer.Ordinal);

    public static TheoryData<string> Paths => [.. Methods.Keys.Order(StringComparer.Ordinal)];
}
