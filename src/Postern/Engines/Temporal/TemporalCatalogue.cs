using System.Collections.Frozen;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Postern.Engines.Temporal;

/// <summary>Every method that the gate knows, computed at start from the API's own descriptors. Immutable.</summary>
internal sealed class TemporalCatalogue
{
    private const string Resource = "temporal-api.binpb";

    // Behind the same port of a stock server, and nobody's business here: known, so that a refusal can say so, and refused.
    private readonly string[] _refused =
        ["/temporal.server.api.adminservice.v1.AdminService/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

    private readonly FrozenDictionary<string, TemporalMethod> _byPath;

    private TemporalCatalogue(IReadOnlyList<TemporalMethod> methods)
    {
        Methods = methods;
        _byPath = methods.ToFrozenDictionary(m => m.Path, StringComparer.Ordinal);
    }

    /// <summary>All methods; a method's place is its <see cref="TemporalMethod.Index"/>.</summary>
    public IReadOnlyList<TemporalMethod> Methods { get; }

    /// <summary>Computes the catalogue.</summary>
    /// <param name="extraDescriptors">
    /// A descriptor set (with imports) of a newer API to use instead of the built-in one; rows for its new methods stand beside it in <c>temporal-operations.yaml</c>. Null: the built-in one.
    /// </param>
    /// <exception cref="InvalidDataException">The file isn't a descriptor set, or its rows don't fit it.</exception>
    public static TemporalCatalogue Load(string? extraDescriptors)
    {
        var rows = extraDescriptors is null ? [] : TemporalExtraRows.Read(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(extraDescriptors))!, TemporalExtraRows.FileName));
        var methods = new List<TemporalMethod>();
        foreach (var file in Descriptors(extraDescriptors))
        {
            foreach (var service in file.Services)
            {
                var known = RowsOf(service.FullName).Concat(rows.Where(r => string.Equals(r.Service, service.FullName, StringComparison.Ordinal)).Select(r => r.Row))
                    .ToLookup(r => r.Name, StringComparer.Ordinal);
                foreach (var method in service.Methods.Where(m => !m.IsClientStreaming && !m.IsServerStreaming))
                {
                    if (known[method.Name].FirstOrDefault() is { } row)
                    {
                        methods.Add(new TemporalMethod(method, row, methods.Count));
                    }
                }
            }
        }

        return new TemporalCatalogue(methods);
    }

    public TemporalMethod? Find(string path) => _byPath.GetValueOrDefault(path);

    /// <summary>True for what the server offers on the same port and the gate never passes on: AdminService and reflection.</summary>
    public bool IsKnownButRefused(string path) => Array.Exists(_refused, prefix => path.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>The files of the API, each with its messages.</summary>
    internal static IReadOnlyList<FileDescriptor> Descriptors(string? extraDescriptors)
    {
        using var stream = extraDescriptors is null
            ? typeof(TemporalCatalogue).Assembly.GetManifestResourceStream(Resource) ?? throw new InvalidOperationException($"{Resource} isn't embedded")
            : File.OpenRead(extraDescriptors);
        try
        {
            var set = FileDescriptorSet.Parser.ParseFrom(stream);
            return FileDescriptor.BuildFromByteStrings(set.File.Select(f => f.ToByteString()));
        }
        catch (Exception problem) when (extraDescriptors is not null && problem is InvalidProtocolBufferException or ArgumentException or DescriptorValidationException)
        {
            throw new InvalidDataException($"{extraDescriptors} isn't a descriptor set with its imports; write it with protoc --include_imports --descriptor_set_out", problem);
        }
    }

    private static IReadOnlyList<TemporalOperation> RowsOf(string service) => service switch
    {
        TemporalOperations.WorkflowService => TemporalOperations.Workflow,
        TemporalOperations.OperatorService => TemporalOperations.Operator,
        _ => [],
    };
}
