using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>One method of the Temporal API with everything that is computed of it at start. Immutable.</summary>
internal sealed class TemporalMethod
{
    public TemporalMethod(MethodDescriptor descriptor, TemporalOperation row, int index)
    {
        Service = descriptor.Service.FullName;
        Name = descriptor.Name;
        Path = $"/{Service}/{Name}";
        Row = row;
        Index = index;
        Request = descriptor.InputType;
        Fields = TemporalRoles.Find(Request);
        Stamp = CallerStamp.For(row, Request, Fields);
        Names = new TemporalNames(Fields, row.Shape);
        var reserved = ReservedPaths.Of(Fields, row.Access);
        Reading =
        [
            .. Names.Paths.Concat(TemporalReadings.Of(row.Shape, Request)).Concat(row.Narrowed is null ? [] : [row.Narrowed]).Concat(WorkerQueues()).Concat(Stamp?.Fields ?? []).Concat(reserved.Select(p => p.Path)).Distinct(StringComparer.Ordinal),
        ];
        Lens = LensCompiler.Compile(Request, Reading);
        Names.Place(Lens);
        Demands = TemporalDemands.For(row, Names, new ReservedPaths(Lens, reserved), Lens, Request.File);
        Listing = TemporalListing.For(row, descriptor);
        Answer = descriptor.OutputType;
        AnswersTo = TaskTokens.KindOf(Name);
        Tasks = TaskTokens.Of(descriptor);
        Callbacks = CallbackHeaders.InRequest(descriptor);
        HandedCallbacks = CallbackHeaders.InTask(descriptor);
        RunIds = TemporalRunIds.Plan(descriptor.OutputType);
    }

    /// <summary>As the client writes it: <c>/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution</c>.</summary>
    public string Path { get; }

    public string Service { get; }

    public string Name { get; }

    /// <summary>The place in <see cref="TemporalCatalogue.Methods"/>, for counters by method.</summary>
    public int Index { get; }

    public TemporalOperation Row { get; }

    /// <summary>Every field of the request that has a role.</summary>
    public IReadOnlyList<TemporalPath> Fields { get; }

    /// <summary>The paths that the lens reads.</summary>
    public IReadOnlyList<string> Reading { get; }

    /// <summary>How the verified caller is written into the message; null where nothing is.</summary>
    public CallerStamp? Stamp { get; }

    public TemporalNames Names { get; }

    /// <summary>The number of the field that holds the query to narrow; 0 where there is none.</summary>
    public int NarrowedField => Row.Narrowed is { } name ? Request.FindFieldByName(name).FieldNumber : 0;

    /// <summary>How the list that it answers is shown to each caller; null where it is no such list.</summary>
    internal TemporalListing? Listing { get; }

    internal MessageDescriptor Request { get; }

    internal LensNode Lens { get; }

    internal TemporalDemands Demands { get; }

    /// <summary>The kind of task that its calls answer, where they answer one.</summary>
    internal TaskKind AnswersTo { get; }

    /// <summary>What the server answers with.</summary>
    internal MessageDescriptor Answer { get; }

    /// <summary>Where its answers hand out tasks; null where they don't.</summary>
    internal TaskTokens? Tasks { get; }

    /// <summary>Where its requests carry callbacks' tokens; null where they don't.</summary>
    internal CallbackHeaders? Callbacks { get; }

    /// <summary>Where the tasks in its answers carry the token of the caller's operation; null where they don't.</summary>
    internal CallbackHeaders? HandedCallbacks { get; }

    /// <summary>Reads the run id out of an answer; null where answers name none.</summary>
    internal LensNode? RunIds { get; }

    public override string ToString() => Path;

    private IEnumerable<string> WorkerQueues()
    {
        if (Row.Shape is not (TemporalShape.WorkerReport or TemporalShape.Poll))
        {
            return [];
        }

        return Fields.Select(f => f.Path).Where(p => TemporalReadings.WorkerQueues.Contains(p) && (Row.Shape == TemporalShape.WorkerReport || p.StartsWith("worker_heartbeat", StringComparison.Ordinal)));
    }
}
