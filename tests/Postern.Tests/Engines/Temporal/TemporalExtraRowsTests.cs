using Google.Protobuf;
using Google.Protobuf.Reflection;
using Postern.Engines.Temporal;
using Postern.Model;
using Postern.Tests.Engines.Temporal.Lens;

namespace Postern.Tests.Engines.Temporal;

public sealed class TemporalExtraRowsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("postern-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Load_NewerApiWithARow_KnowsTheNewMethod()
    {
        var catalogue = TemporalCatalogue.Load(WriteNewerApi("""
            - { service: temporal.api.workflowservice.v1.WorkflowService, method: DescribeNamespaceAgain, permission: namespace.read, access: read, scope: namespace }
            """));
        var method = catalogue.Find("/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespaceAgain");
        Assert.NotNull(method);
        var operation = TemporalReader.Read(method, new Temporalio.Api.WorkflowService.V1.DescribeNamespaceRequest { Namespace = "payments" }.ToByteArray(), out var refusal);
        Assert.Null(refusal);
        Assert.Equal((Permission.NamespaceRead, "payments"), (operation!.First.Permission, operation.First.Namespace));
        Assert.Equal(ParserCheck.Catalogue.Methods.Count + 1, catalogue.Methods.Count);
    }

    [Fact]
    public void Load_NewerApiWithoutARow_RefusesTheNewMethodAsUnknown() =>
        Assert.Null(TemporalCatalogue.Load(WriteNewerApi("[]")).Find("/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespaceAgain"));

    [Theory]
    [InlineData("permission: namespace.see, access: read, scope: namespace", "namespace.see")]
    [InlineData("permission: namespace.read, access: some, scope: namespace", "some")]
    [InlineData("permission: namespace.read, access: read, scope: galaxy", "galaxy")]
    [InlineData("permission: namespace.read, access: read", "scope")]
    public void Load_RowThatIsWrong_SaysWhatAndWhere(string row, string named)
    {
        var api = WriteNewerApi($"- {{ service: temporal.api.workflowservice.v1.WorkflowService, method: DescribeNamespaceAgain, {row} }}");
        var problem = Assert.Throws<InvalidDataException>(() => TemporalCatalogue.Load(api));
        Assert.Contains(named, problem.Message, StringComparison.Ordinal);
        Assert.Contains("temporal-operations.yaml:1", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NotADescriptorSet_SaysSo()
    {
        var file = Path.Combine(_folder, "api.binpb");
        File.WriteAllText(file, "not one");
        Assert.Contains("api.binpb", Assert.Throws<InvalidDataException>(() => TemporalCatalogue.Load(file)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("StartWorkflowExecution", "payments", "payments:write")]
    [InlineData("DescribeWorkflowExecution", "payments", "payments:read")]
    [InlineData("UpdateNamespace", "payments", "payments:admin")]
    [InlineData("ListNamespaces", null, "temporal-system:read")]
    [InlineData("GetNexusEndpoint", null, "temporal-system:admin")]
    [InlineData("DescribeNamespace", null, "temporal-system:read")]
    public void For_MethodAndNamespace_IsTheLeastThatTheServerAsksFor(string name, string? ns, string grant)
    {
        var method = ParserCheck.Method(name);
        var operation = new Operation { Method = name, Namespace = ns, First = new Demand { Permission = method.Row.Base } };
        Assert.Equal(grant, TemporalGrant.For(method, operation));
        Assert.Same(TemporalGrant.For(method, operation), TemporalGrant.For(method, operation));
    }

    private string WriteNewerApi(string rows)
    {
        var set = new FileDescriptorSet();
        foreach (var file in TemporalCatalogue.Descriptors(null))
        {
            var proto = FileDescriptorProto.Parser.ParseFrom(file.SerializedData);
            foreach (var service in proto.Service.Where(s => string.Equals(s.Name, "WorkflowService", StringComparison.Ordinal)))
            {
                var method = service.Method.Single(m => string.Equals(m.Name, "DescribeNamespace", StringComparison.Ordinal)).Clone();
                method.Name = "DescribeNamespaceAgain";
                service.Method.Add(method);
            }

            set.File.Add(proto);
        }

        var path = Path.Combine(_folder, "api.binpb");
        File.WriteAllBytes(path, set.ToByteArray());
        File.WriteAllText(Path.Combine(_folder, "temporal-operations.yaml"), rows);
        return path;
    }
}
