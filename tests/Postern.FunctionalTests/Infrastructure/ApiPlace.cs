using Google.Protobuf;
using Postern.Engines.Temporal;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>One place of one request where a name may stand, and the message around it without which the server wouldn't look at it.</summary>
internal sealed record ApiPlace(TemporalMethod Method, TemporalPath Path)
{
    private const string Sticky = "2"; // TASK_QUEUE_KIND_STICKY

    /// <summary>Every place that the gate's catalogue finds in the API, by its name.</summary>
    public static IReadOnlyDictionary<string, ApiPlace> All { get; } =
        TemporalCatalogue.Load(null).Methods.SelectMany(method => method.Fields.Select(path => new ApiPlace(method, path))).ToDictionary(place => place.Name, StringComparer.Ordinal);

    public string Name => $"{Method.Name} {Path.Path}";

    public TemporalRole Role => Path.Role;

    /// <summary>The request that names <paramref name="name"/> here, and <paramref name="ns"/> wherever a call must say its namespace.</summary>
    /// <param name="name">What is named; of a task token the queue that its task came from.</param>
    /// <param name="ns">The namespace of the call.</param>
    /// <param name="token">Gives a task token of a kind, a namespace and a queue.</param>
    public byte[] Write(string name, string ns, Func<TaskKind, string, string, ByteString> token)
    {
        var values = new Dictionary<string, ByteString>(StringComparer.Ordinal);
        foreach (var field in Method.Fields)
        {
            if (field is { Role: TemporalRole.Namespace, Depth: 0 } && Role != TemporalRole.NamespaceId)
            {
                values[field.Path] = ByteString.CopyFromUtf8(ns);
            }
        }

        foreach (var (path, value) in Around())
        {
            values[path] = ByteString.CopyFromUtf8(value);
        }

        if (Role == TemporalRole.Callback)
        {
            values[Path.Path + ".nexus.url"] = ByteString.CopyFromUtf8(name);
        }
        else if (Role != TemporalRole.TaskToken)
        {
            values[Path.Path] = ByteString.CopyFromUtf8(name);
        }

        if (Method.Fields.FirstOrDefault(field => field is { Role: TemporalRole.TaskToken, Depth: 0 }) is { } answered)
        {
            // A task's namespace is its token's: a call into another one brings a token from there.
            values[answered.Path] = token(Method.AnswersTo, Path is { Role: TemporalRole.Namespace, Depth: 0 } ? name : ns, Role == TemporalRole.TaskToken ? name : "own");
        }

        return WrittenMessage.Of(Method.Request, values.Select(value => (value.Key, value.Value)));
    }

    private IEnumerable<(string Path, string Value)> Around()
    {
        if (Role == TemporalRole.NormalTaskQueue)
        {
            var queue = Path.Path[..^"normal_name".Length];
            return [(queue + "kind", Sticky), (queue + "name", $"host:{Guid.NewGuid():N}")];
        }

        return Method.Row.Shape switch
        {
            TemporalShape.Batch when Role is TemporalRole.WorkflowId or TemporalRole.VisibilityQuery => [("termination_operation.identity", "77@worker")],
            // Its signal is for a run of whatever type, which is asked for by its id.
            TemporalShape.SignalWithStart when Role is TemporalRole.WorkflowType => [("workflow_id", "new")],
            _ => [],
        };
    }
}
