using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Postern.Configuration;
using Postern.Model;
using Postern.Policy;

namespace Postern.Tests.Policy;

/// <summary>Policies from YAML, callers and demands with the fewest words.</summary>
internal static class TestPolicy
{
    /// <summary>A Monday, 09:30 in Berlin.</summary>
    public static readonly Circumstances Monday = new(IPAddress.Parse("10.1.2.3"), new DateTimeOffset(2026, 3, 2, 8, 30, 0, TimeSpan.Zero));

    /// <summary>A few calls as an engine would describe them, with every permission consulted on all its dimensions.</summary>
    public static readonly CallCatalogue Catalogue = new(
    [
        Call("temporal/StartWorkflowExecution", new CatalogueDemand(Permission.WorkflowStart, PermissionDimensions.Of(Permission.WorkflowStart)),
            new CatalogueDemand(Permission.WorkflowTerminate, PermissionDimensions.Of(Permission.WorkflowTerminate)) { Sometimes = true }),
        Call("temporal/SignalWithStartWorkflowExecution", new CatalogueDemand(Permission.WorkflowStart, PermissionDimensions.Of(Permission.WorkflowStart)),
            new CatalogueDemand(Permission.WorkflowSignal, PermissionDimensions.Of(Permission.WorkflowSignal))),
        Call("temporal/TerminateWorkflowExecution",
            new CatalogueDemand(Permission.WorkflowTerminate, Dimensions.Namespace | Dimensions.WorkflowId) { Unknown = Dimensions.WorkflowType }),
        Call("temporal/RespondActivityTaskCompleted", new CatalogueDemand(Permission.WorkerComplete, Dimensions.Namespace) { Waived = Dimensions.TaskQueue }),
        Call("temporal/CreateNexusEndpoint",
            new CatalogueDemand(Permission.NexusEndpointManage, PermissionDimensions.Of(Permission.NexusEndpointManage)) { ClusterScope = true }),
        Call("prefect/create_flow_run_from_deployment",
            new CatalogueDemand(Permission.DeploymentRun, Dimensions.Server) { Unknown = PermissionDimensions.Of(Permission.DeploymentRun) & ~Dimensions.Server },
            new CatalogueDemand(Permission.DeploymentOverride, Dimensions.Server) { Unknown = PermissionDimensions.Of(Permission.DeploymentOverride) & ~Dimensions.Server, Sometimes = true }),
        Call("prefect/read_flow_runs", new CatalogueDemand(Permission.FlowRunRead, Dimensions.Server) { Unknown = PermissionDimensions.Of(Permission.FlowRunRead) & ~Dimensions.Server }) with { IsNarrowable = true },
        .. Permissions.All.Where(p => p != Permission.ClusterRemote).Select(p => Call("test/" + p.Name(), new CatalogueDemand(p, PermissionDimensions.Of(p)))),
    ]);

    public static CatalogueCall Call(string name, params ImmutableArray<CatalogueDemand> demands) => new(name, demands);

    public static PolicyResult Load(string yaml, params string[] issuers) =>
        PolicyLoader.Parse([new PolicySource("policy.yaml", yaml)], issuers.Length == 0 ? ["okta"] : issuers, Catalogue);

    /// <summary>The policy, which must have no errors.</summary>
    public static PolicySet Of(string yaml, params string[] issuers)
    {
        var result = Load(yaml, issuers);
        Assert.True(result.Set is not null, string.Join('\n', result.Problems));
        return result.Set;
    }

    /// <summary>The errors of a policy that must have some.</summary>
    public static Problem[] Errors(string yaml, params string[] issuers)
    {
        var result = Load(yaml, issuers);
        Assert.Null(result.Set);
        return [.. result.Problems.Where(p => p.Severity == Severity.Error)];
    }

    public static Caller User(string subject, params string[] groups) => Make(CallerKind.Human, subject, groups);

    public static Caller Make(CallerKind kind, string subject, string[] groups, string issuer = "okta", string? claims = null) => new()
    {
        Kind = kind, Issuer = issuer, Subject = subject, Name = $"{issuer}/{subject}", DisplayName = subject, Groups = [.. groups],
        Claims = claims is null ? default : JsonDocument.Parse(claims).RootElement,
    };

    public static Demand Start(string ns, string type = "Refund", string queue = "payments", string id = "refund-1") =>
        new() { Permission = Permission.WorkflowStart, Namespace = ns, WorkflowType = type, TaskQueue = queue, WorkflowId = id };

    public static Demand On(Permission permission, string? ns = "payments") => new() { Permission = permission, Namespace = ns };
}
