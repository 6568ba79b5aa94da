namespace Postern.Model;

/// <summary>
/// What can condition each permission. A binding that is conditioned on anything else doesn't grant that permission: <c>workflow.list</c> spans workflows,
/// so it is granted only where no condition speaks of a single workflow. Their types it has, since a list can be narrowed to some.
/// </summary>
internal static class PermissionDimensions
{
    /// <summary>What says where a call acts, one for each engine: a rule's conditions on it are never overlooked.</summary>
    public const Dimensions Places = Dimensions.Namespace | Dimensions.Server;

    /// <summary>Every dimension that is Prefect's.</summary>
    public const Dimensions OfPrefect = Dimensions.Server | Dimensions.WorkPool | Dimensions.WorkQueue | Dimensions.Deployment | Dimensions.Flow | Dimensions.Tag
        | Dimensions.Variable | Dimensions.BlockType | Dimensions.Block;

    /// <summary>Every dimension that is Temporal's.</summary>
    public const Dimensions OfTemporal = (Dimensions)(((uint)Dimensions.Block << 1) - 1) & ~OfPrefect;

    private const Dimensions Workflow = Dimensions.Namespace | Dimensions.WorkflowType | Dimensions.WorkflowId;
    private const Dimensions Activity = Dimensions.Namespace | Dimensions.ActivityType | Dimensions.ActivityId;
    private const Dimensions Queue = Dimensions.Namespace | Dimensions.TaskQueue;
    private const Dimensions Schedule = Dimensions.Namespace | Dimensions.ScheduleId;

    private const Dimensions Server = Dimensions.Server;
    private const Dimensions Pool = Server | Dimensions.WorkPool | Dimensions.WorkQueue;
    private const Dimensions Flow = Server | Dimensions.Flow | Dimensions.Tag;
    private const Dimensions Deployment = Pool | Flow | Dimensions.Deployment;
    private const Dimensions Variable = Server | Dimensions.Variable | Dimensions.Tag;
    private const Dimensions Block = Server | Dimensions.BlockType | Dimensions.Block;

    private static readonly Dimensions[] Table = [.. Enum.GetValues<Permission>().Select(Write)];

    // For each dimension, in the order of DimensionNames.All, the permissions that have it.
    private static readonly UInt128[] Having =
        [.. DimensionNames.All.Select(d => Permissions.All.Where(p => (Table[(int)p] & d) != Dimensions.None).Aggregate(UInt128.Zero, (set, p) => set | p.Bit()))];

    /// <summary>The permissions that can be conditioned on all of the dimensions together.</summary>
    public static UInt128 ConditionableOn(Dimensions dimensions)
    {
        var set = UInt128.MaxValue;
        for (var i = 0; i < Having.Length; i++)
        {
            set &= ((int)dimensions & (1 << i)) == 0 ? UInt128.MaxValue : Having[i];
        }

        return set;
    }

    /// <summary>Every dimension on which a rule can condition the permission.</summary>
    public static Dimensions Of(Permission permission) => Table[(int)permission];

    private static Dimensions Write(Permission permission) => permission switch
    {
        Permission.WorkflowStart => Workflow | Dimensions.TaskQueue,
        Permission.WorkflowSignal => Workflow | Dimensions.Signal,
        Permission.WorkflowUpdate => Workflow | Dimensions.Update,
        Permission.WorkflowQuery => Workflow | Dimensions.Query,
        Permission.WorkflowRead or Permission.WorkflowCancel or Permission.WorkflowTerminate or Permission.WorkflowDelete or Permission.WorkflowReset
            or Permission.WorkflowPause or Permission.WorkflowOptions or Permission.RuleTrigger => Workflow,
        Permission.WorkflowList or Permission.BatchRun => Dimensions.Namespace | Dimensions.WorkflowType,
        Permission.ActivityStart => Activity | Dimensions.TaskQueue,
        Permission.ActivityRead or Permission.ActivityCancel or Permission.ActivityTerminate or Permission.ActivityDelete => Activity,
        Permission.ActivityManage => Activity | Workflow,
        Permission.ScheduleRead or Permission.ScheduleWrite or Permission.ScheduleDelete => Schedule,
        Permission.WorkerHeartbeat => Queue | Pool,
        Permission.WorkerRead => Dimensions.Namespace | Server | Dimensions.WorkPool,
        Permission.WorkerPoll or Permission.WorkerComplete or Permission.TaskQueueRead or Permission.TaskQueueWrite => Queue,
        Permission.NexusCall => Dimensions.Namespace | Dimensions.NexusEndpoint | Dimensions.NexusService | Dimensions.NexusOperation,
        // The namespace and the queue that an endpoint points to.
        Permission.NexusEndpointRead or Permission.NexusEndpointManage => Queue | Dimensions.NexusEndpoint,
        Permission.None or Permission.NamespaceList or Permission.ClusterInfo or Permission.ClusterRead or Permission.ClusterAdmin
            or Permission.ClusterRemote or Permission.AccountManage or Permission.KeyManage => Dimensions.None,
        Permission.FlowRead or Permission.FlowWrite or Permission.FlowDelete => Flow,
        Permission.FlowRunStart or Permission.FlowRunRead or Permission.FlowRunWrite or Permission.FlowRunReport or Permission.FlowRunCancel or Permission.FlowRunRetry
            or Permission.FlowRunResume or Permission.FlowRunDelete or Permission.TaskRunRead or Permission.TaskRunWrite or Permission.TaskRunDelete
            or Permission.DeploymentRead or Permission.DeploymentRun or Permission.DeploymentOverride or Permission.DeploymentPause or Permission.DeploymentWrite
            or Permission.DeploymentDelete or Permission.EventRead or Permission.LogRead or Permission.LogWrite or Permission.ArtifactRead or Permission.ArtifactWrite
            or Permission.ArtifactDelete => Deployment,
        Permission.WorkPoolRead or Permission.WorkPoolPoll or Permission.WorkPoolPause or Permission.WorkPoolWrite or Permission.WorkPoolDelete => Pool,
        Permission.BlockRead or Permission.BlockWrite or Permission.BlockDelete or Permission.SecretRead => Block,
        Permission.VariableRead or Permission.VariableWrite or Permission.VariableDelete => Variable,
        >= Permission.FlowRead => Server,
        _ => Dimensions.Namespace,
    };
}
