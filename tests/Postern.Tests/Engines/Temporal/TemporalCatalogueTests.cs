using Google.Protobuf.Reflection;
using Postern.Engines.Temporal;

namespace Postern.Tests.Engines.Temporal;

public sealed class TemporalCatalogueTests
{
    private static readonly TemporalCatalogue s_catalogue = TemporalCatalogue.Load(null);

    [Fact]
    public void Load_BuiltInDescriptors_HasEveryMethodAndNoRowIsLeftOver()
    {
        var described = TemporalCatalogue.Descriptors(null).SelectMany(f => f.Services).SelectMany(s => s.Methods).Select(m => $"/{m.Service.FullName}/{m.Name}").Order(StringComparer.Ordinal).ToArray();
        var rows = TemporalOperations.Workflow.Select(r => $"/{TemporalOperations.WorkflowService}/{r.Name}")
            .Concat(TemporalOperations.Operator.Select(r => $"/{TemporalOperations.OperatorService}/{r.Name}")).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(described, rows);
        Assert.Equal(described, s_catalogue.Methods.Select(m => m.Path).Order(StringComparer.Ordinal));
        Assert.Equal(123, TemporalOperations.Workflow.Count);
        Assert.Equal(12, TemporalOperations.Operator.Count);
        Assert.All(s_catalogue.Methods, (m, i) => Assert.Equal(i, m.Index));
    }

    [Fact]
    public void Find_KnownAndUnknownPaths_ReturnsTheMethodOrNull()
    {
        Assert.Equal("StartWorkflowExecution", s_catalogue.Find("/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution")?.Name);
        Assert.Null(s_catalogue.Find("/temporal.api.workflowservice.v1.WorkflowService/startWorkflowExecution"));
        Assert.Null(s_catalogue.Find("/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution/"));
        Assert.True(s_catalogue.IsKnownButRefused("/temporal.server.api.adminservice.v1.AdminService/DescribeMutableState"));
        Assert.True(s_catalogue.IsKnownButRefused("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"));
        Assert.False(s_catalogue.IsKnownButRefused("/grpc.health.v1.Health/Check"));
    }

    // A namespace that isn't read isn't judged: whoever adds one to the API has to say here what it means.
    [Fact]
    public void Reading_EveryNamespaceOfEveryRequest_IsRead()
    {
        var missing = s_catalogue.Methods.SelectMany(m => m.Fields.Where(f => f.Role is TemporalRole.Namespace).Where(f => !m.Reading.Contains(f.Path)).Select(f => $"{m.Name}: {f.Path}"));
        Assert.Empty(missing);
    }

    // The names that a demand is made of are found by walking: whatever the API adds must be looked at before it counts as the call's own.
    [Fact]
    public void Names_OfEveryMethod_StandOnlyWhereTheyWereLookedAt() => Assert.Equal(
        [
            "activity_id", "activity_type.name", "cluster_name", "deployment.series_name", "deployment_name", "deployment_version.deployment_name", "endpoint", "execution.run_id",
            "execution.workflow_id", "frontend_address", "id", "job_id", "namespace", "namespace_id", "operation", "operation_id", "query.query_type", "request.input.name", "rule_id", "run_id",
            "schedule_id", "series_name", "service", "signal_name", "spec.name", "spec.target.worker.namespace", "spec.target.worker.task_queue", "task_queue", "task_queue.name", "type", "type_filter.name",
            "update_ref.workflow_execution.run_id", "update_ref.workflow_execution.workflow_id", "worker_instance_key", "workflow_execution.run_id", "workflow_execution.workflow_id",
            "workflow_id", "workflow_type.name",
        ],
        s_catalogue.Methods.SelectMany(m => m.Names.Own).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void Fields_WalkedByNameAlone_HoldEveryNamespaceOutsideLinksAndFailures()
    {
        foreach (var method in s_catalogue.Methods)
        {
            var byName = new List<string>();
            Walk(method.Request, "", [], byName);
            Assert.Equal(byName, method.Fields.Where(f => f.Role is TemporalRole.Namespace && f.Path.EndsWith("namespace", StringComparison.Ordinal)).Select(f => f.Path));
        }
    }

    private static void Walk(MessageDescriptor message, string prefix, List<MessageDescriptor> above, List<string> found)
    {
        above.Add(message);
        foreach (var field in message.Fields.InFieldNumberOrder())
        {
            var path = prefix + field.Name + (field.IsRepeated ? "[]" : "");
            if (field.FieldType == FieldType.String && field.Name.EndsWith("namespace", StringComparison.Ordinal))
            {
                found.Add(path);
            }
            else if (field.FieldType == FieldType.Message && field.MessageType.Name is not ("Link" or "Failure") && !above.Contains(field.MessageType))
            {
                Walk(field.MessageType, path + ".", above, found);
            }
        }

        above.RemoveAt(above.Count - 1);
    }
}
