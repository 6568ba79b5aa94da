using System.Globalization;
using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;
using Postern.Model;
using Temporalio.Api.Namespace.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// Wherever in a request a name stands, however deep, it is judged: the request with what is allowed there reaches the engine, its twin with what is forbidden doesn't. The
/// places are the catalogue's own, found by walking the API's descriptors, so that a place which a new release brings fails here until somebody has said what it is.
/// </summary>
public sealed class EveryPlaceOfTheApiIsJudged(EveryPlaceOfTheApiIsJudged.Judged fixture) : IClassFixture<EveryPlaceOfTheApiIsJudged.Judged>
{
    private const string Own = "own";
    private const string Foreign = "foreign";

    // What a rule can be conditioned on, by what a field means.
    private static readonly Dictionary<TemporalRole, Dimensions> s_dimensions = new()
    {
        [TemporalRole.Namespace] = Dimensions.Namespace, [TemporalRole.NamespaceId] = Dimensions.Namespace, [TemporalRole.TaskQueue] = Dimensions.TaskQueue,
        [TemporalRole.NormalTaskQueue] = Dimensions.TaskQueue, [TemporalRole.TaskToken] = Dimensions.TaskQueue, [TemporalRole.WorkflowId] = Dimensions.WorkflowId,
        [TemporalRole.WorkflowType] = Dimensions.WorkflowType, [TemporalRole.VisibilityQuery] = Dimensions.WorkflowType, [TemporalRole.ActivityId] = Dimensions.ActivityId,
        [TemporalRole.ActivityType] = Dimensions.ActivityType, [TemporalRole.Signal] = Dimensions.Signal, [TemporalRole.Update] = Dimensions.Update,
        [TemporalRole.Query] = Dimensions.Query, [TemporalRole.ScheduleId] = Dimensions.ScheduleId, [TemporalRole.NexusEndpoint] = Dimensions.NexusEndpoint,
        [TemporalRole.NexusService] = Dimensions.NexusService, [TemporalRole.NexusOperation] = Dimensions.NexusOperation, [TemporalRole.Callback] = Dimensions.None,
    };

    // What no rule can be conditioned on has no twins.
    private static readonly Dictionary<TemporalRole, string> s_unjudged = new()
    {
        [TemporalRole.Target] = "a name for the record alone: the right to its kind is the namespace's",
        [TemporalRole.RunId] = "narrows a workflow id, which is judged",
        [TemporalRole.TaskQueueKind] = "says how the name beside it is meant; polls of sticky queues have tests of their own",
        [TemporalRole.Identity] = "written over with the caller's name",
        [TemporalRole.Header] = "written into, never read",
    };

    public static TheoryData<string> Twins => [.. ApiPlace.All.Values.Where(place => s_dimensions.ContainsKey(place.Role) && !s_exceptions.ContainsKey(place.Name)).Select(place => place.Name)];

    public static TheoryData<string> Exceptions => [.. s_exceptions.Keys];

    private const string NormalName = "only a poll of a sticky queue is by its normal queue: elsewhere the server goes by the name beside it, which is judged";
    private const string OfQueue = "completing is a right on a queue, whatever the run or the activity: by a rule on queues the engine is asked for it";
    private const string OfBatch = "a batch is judged by what it does, to whatever it finds: but for workflows that it lists, nothing can be told under a rule on what it names one by one";
    private const string Unnarrowed = "what can't be narrowed to the types that are allowed is refused whole to whoever has a right to some types only";

    private static readonly Dictionary<string, (int Status, string Why)> s_exceptions = new(StringComparer.Ordinal)
    {
        ["StartWorkflowExecution task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["ExecuteMultiOperation operations[].start_workflow.task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["RespondWorkflowTaskCompleted commands[].schedule_activity_task_command_attributes.task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["RespondWorkflowTaskCompleted commands[].continue_as_new_workflow_execution_command_attributes.task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["RespondWorkflowTaskCompleted commands[].start_child_workflow_execution_command_attributes.task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["RespondWorkflowTaskCompleted sticky_attributes.worker_task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["SignalWithStartWorkflowExecution task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["DescribeTaskQueue task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["ListTaskQueuePartitions task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["CreateSchedule schedule.action.start_workflow.task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["UpdateSchedule schedule.action.start_workflow.task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["StartBatchOperation update_activity_options_operation.activity_options.task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["UpdateActivityOptions activity_options.task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["StartActivityExecution task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["UpdateActivityExecutionOptions activity_options.task_queue.normal_name"] = (GrpcCode.Ok, NormalName),
        ["RecordActivityTaskHeartbeatById workflow_id"] = (GrpcCode.Ok, OfQueue),
        ["RecordActivityTaskHeartbeatById activity_id"] = (GrpcCode.Ok, OfQueue),
        ["RespondActivityTaskCompletedById workflow_id"] = (GrpcCode.Ok, OfQueue),
        ["RespondActivityTaskCompletedById activity_id"] = (GrpcCode.Ok, OfQueue),
        ["RespondActivityTaskFailedById workflow_id"] = (GrpcCode.Ok, OfQueue),
        ["RespondActivityTaskFailedById activity_id"] = (GrpcCode.Ok, OfQueue),
        ["RespondActivityTaskCanceledById workflow_id"] = (GrpcCode.Ok, OfQueue),
        ["RespondActivityTaskCanceledById activity_id"] = (GrpcCode.Ok, OfQueue),
        ["ResetStickyTaskQueue execution.workflow_id"] = (GrpcCode.Ok, OfQueue),
        ["StartBatchOperation target_executions[].business_id"] = (GrpcCode.Unavailable, OfBatch),
        ["StartBatchOperation unpause_activities_operation.type"] = (GrpcCode.Unavailable, OfBatch),
        ["StartBatchOperation reset_activities_operation.type"] = (GrpcCode.Unavailable, OfBatch),
        ["StartBatchOperation update_activity_options_operation.type"] = (GrpcCode.Unavailable, OfBatch),
        ["ListOpenWorkflowExecutions execution_filter.workflow_id"] = (GrpcCode.Unavailable, Unnarrowed),
        ["ListClosedWorkflowExecutions execution_filter.workflow_id"] = (GrpcCode.Unavailable, Unnarrowed),
        ["ListArchivedWorkflowExecutions query"] = (GrpcCode.Unavailable, Unnarrowed),
        ["TriggerWorkflowRule spec.visibility_query"] = (GrpcCode.Unavailable, Unnarrowed),
        ["ListSchedules query"] = (GrpcCode.PermissionDenied, Unnarrowed),
        ["CountSchedules query"] = (GrpcCode.PermissionDenied, Unnarrowed),
        ["CreateWorkflowRule spec.visibility_query"] = (GrpcCode.PermissionDenied, Unnarrowed),
        ["ListWorkers query"] = (GrpcCode.PermissionDenied, Unnarrowed),
        ["CountWorkers query"] = (GrpcCode.PermissionDenied, Unnarrowed),
        ["ListActivityExecutions query"] = (GrpcCode.PermissionDenied, Unnarrowed),
        ["CountActivityExecutions query"] = (GrpcCode.PermissionDenied, Unnarrowed),
        ["ListNexusOperationExecutions query"] = (GrpcCode.PermissionDenied, Unnarrowed),
        ["CountNexusOperationExecutions query"] = (GrpcCode.PermissionDenied, Unnarrowed),
    };

    [Fact]
    public void EveryRole_IsJudgedOrSaysWhyNot() => Assert.Equal(
        Enum.GetValues<TemporalRole>().Where(role => role != TemporalRole.None).Order(), s_dimensions.Keys.Concat(s_unjudged.Keys).Order());

    [Fact]
    public void EveryException_IsAPlaceOfTheApi() => Assert.All(s_exceptions.Keys, name => Assert.Contains(name, ApiPlace.All.Keys));

    [Theory]
    [MemberData(nameof(Twins))]
    public async Task AllowedTwin_ReachesTheEngine_ForbiddenTwin_DoesNot(string name)
    {
        var place = ApiPlace.All[name];
        var (allowed, forbidden) = Names(place);
        var (status, arrived, text) = await AskAsync(place, allowed);
        Assert.True(status == 0 && arrived, $"{allowed} is refused: {status} {text}");

        (status, arrived, text) = await AskAsync(place, forbidden);
        Assert.True(status == (place.Role == TemporalRole.VisibilityQuery ? GrpcCode.InvalidArgument : Refusal(place)) && !arrived, $"{forbidden} is not refused: {status} {text}");
    }

    /// <summary>The list of exceptions is exact: where the twins differ after all, the place is none.</summary>
    [Theory]
    [MemberData(nameof(Exceptions))]
    public async Task Exception_MakesNoDifference(string name)
    {
        var place = ApiPlace.All[name];
        var (allowed, forbidden) = Names(place);
        foreach (var named in new[] { allowed, forbidden })
        {
            var (status, arrived, text) = await AskAsync(place, named);
            Assert.True((status, arrived) == (s_exceptions[name].Status, s_exceptions[name].Status == 0), $"{named}: {status} {text}; it is an exception because {s_exceptions[name].Why}");
        }
    }

    public static TheoryData<string> Reserved => [.. ApiPlace.All.Values.Where(place => ReservedName(place) is not null).Select(place => place.Name)];

    /// <summary>What the server keeps for itself goes by other names than policy's, and may be named only by whoever has the cluster.</summary>
    [Theory]
    [MemberData(nameof(Reserved))]
    public async Task NameOfTheServersOwn_NeedsTheCluster(string name)
    {
        var place = ApiPlace.All[name];
        var (status, arrived, text) = await AskAsync(place, ReservedName(place)!, "free");
        Assert.True(status == Refusal(place) && !arrived && text.Contains("cluster.admin", StringComparison.Ordinal), $"it is not refused: {status} {text}");
        (status, arrived, text) = await AskAsync(place, ReservedName(place)!, "cluster");
        Assert.True(status == 0 && arrived, $"it is refused: {status} {text}");
    }

    private static string? ReservedName(ApiPlace place) => place.Role switch
    {
        TemporalRole.TaskQueue => "/_sys/payroll/1",
        // A completion is of whatever queue its activity is on; the server's own workflows may be seen.
        TemporalRole.WorkflowId when place.Method.Row.Access != TemporalAccess.Read => "temporal-sys-scheduler:nightly",
        TemporalRole.VisibilityQuery when place.Method.Row.Access != TemporalAccess.Read => "TemporalNamespaceDivision = 'TemporalScheduler'",
        _ => null,
    };

    private static (string Allowed, string Forbidden) Names(ApiPlace place) => place.Role switch
    {
        TemporalRole.Callback => ("temporal://system", "http://10.0.0.1/"),
        TemporalRole.VisibilityQuery => ("WorkflowType = 'own'", "WorkflowType = 'own') OR (WorkflowType = 'foreign'"),
        _ => (Own, Foreign),
    };

    private static int Refusal(ApiPlace place) => place switch
    {
        { Method.Name: "DescribeNamespace" } => GrpcCode.NotFound,
        { Method.Name: "RespondWorkflowTaskCompleted" } when place.Path.Path.StartsWith("commands[]", StringComparison.Ordinal) => GrpcCode.InvalidArgument,
        _ => GrpcCode.PermissionDenied,
    };

    private static string Caller(ApiPlace place) => place.Role switch
    {
        TemporalRole.VisibilityQuery => "typed",
        TemporalRole.Callback => "free",
        _ => s_dimensions[place.Role].Name(),
    };

    private async Task<(int Status, bool Arrived, string Text)> AskAsync(ApiPlace place, string name, string? caller = null)
    {
        var gate = fixture.Gate;
        var message = place.Write(name, place is { Role: TemporalRole.Namespace, Path.Depth: 0 } ? name : Own, (kind, ns, queue) => gate.SealedToken(kind, ns, queue));
        var answer = await gate.Client.CallAsync(place.Method.Path, message, gate.Issuer.Token(caller ?? Caller(place)), TestContext.Current.CancellationToken, ("grpc-timeout", "20S"));
        // The gate's own questions carry no call's id.
        var arrived = gate.Engine.Calls.Any(call => call.Target == place.Method.Path && call.Header("x-postern-call-id") is not null);
        gate.Engine.Forget();
        return (answer.Status, arrived, answer.Message);
    }

    /// <summary>A gate with a caller for every dimension, who may everything but what is called foreign there.</summary>
    public sealed class Judged : IAsyncLifetime
    {
        internal Gate Gate { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Gate = await Gate.StartAsync(new GateSetup { PolicyText = Policy(), Script = Answer });

        public ValueTask DisposeAsync() => Gate.DisposeAsync();

        private static string Policy()
        {
            var text = new System.Text.StringBuilder("""
                roles:
                  everything: { extends: admin, with: [cluster.remote], without: [cluster.admin] }
                bindings:
                  - { who: anyone, role: everything, scope: cluster }
                  - { who: ["user:typed"], role: everything, where: { temporal: own, workflowType: own } }
                  - { who: ["user:free", "user:cluster"], role: everything, where: { temporal: own } }
                  - { who: ["user:cluster"], role: admin, scope: cluster }

                """);
            var denies = new List<string>();
            foreach (var dimension in DimensionNames.All)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"  - {{ who: [\"user:{dimension.Name()}\"], role: everything, where: {{ temporal: own }} }}");
                var what = string.Join(", ", Permissions.All.Where(permission => PermissionDimensions.Of(permission).HasFlag(dimension)).Select(permission => permission.Name()));
                denies.Add($"  - {{ who: [\"user:{dimension.Name()}\"], what: [{what}], where: {{ {(dimension == Dimensions.Namespace ? "temporal" : dimension.Name())}: foreign }} }}");
            }

            return text.AppendLine("deny:").AppendJoin('\n', denies).ToString();
        }

        // Ids of namespaces are their names here, and no workflow runs.
        private static StubAnswer Answer(ArrivedCall call) => call.Operation switch
        {
            "DescribeNamespace" when DescribeNamespaceRequest.Parser.ParseFrom(call.Message).Id is { Length: > 0 } id =>
                StubAnswer.Ok(new DescribeNamespaceResponse { NamespaceInfo = new NamespaceInfo { Id = id, Name = id } }.ToByteArray()),
            "DescribeWorkflowExecution" when call.Header("x-postern-call-id") is null => StubAnswer.Error(GrpcCode.NotFound, "workflow not found"),
            _ => StubAnswer.Ok(),
        };
    }
}
