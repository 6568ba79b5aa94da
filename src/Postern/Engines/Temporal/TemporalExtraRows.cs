using Postern.Model;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Postern.Engines.Temporal;

/// <summary>
/// Rows for methods that are newer than this program: a YAML list beside the descriptor file,
/// <c>- { service: temporal.api.workflowservice.v1.WorkflowService, method: Foo, permission: workflow.read, access: read, scope: namespace }</c>.
/// Only plain methods can be described so; everything a message names counts, nothing is implied, nothing is stamped where it would cross a list or a oneof.
/// </summary>
internal static class TemporalExtraRows
{
    public const string FileName = "temporal-operations.yaml";

    public static IReadOnlyList<(string Service, TemporalOperation Row)> Read(string path)
    {
        if (!File.Exists(path))
        {
            return [];
        }

        try
        {
            using var reader = File.OpenText(path);
            var yaml = new YamlStream();
            yaml.Load(reader);
            return yaml.Documents.Count == 0 ? [] : [.. ((YamlSequenceNode)yaml.Documents[0].RootNode).Children.Select(n => Row((YamlMappingNode)n, path))];
        }
        catch (Exception problem) when (problem is YamlException or InvalidCastException)
        {
            throw new InvalidDataException($"{path} isn't a list of rows: {problem.Message}", problem);
        }
    }

    private static (string Service, TemporalOperation Row) Row(YamlMappingNode node, string path)
    {
        string Word(string name) => node.Children.TryGetValue(new YamlScalarNode(name), out var value) && value is YamlScalarNode { Value: { } text }
            ? text
            : throw new InvalidDataException($"{path}:{node.Start.Line}: {name} is missing");

        var service = Word("service");
        var method = Word("method");
        if (!Permissions.TryParse(Word("permission"), out var permission))
        {
            throw new InvalidDataException($"{path}:{node.Start.Line}: '{Word("permission")}' isn't a permission");
        }

        var access = Word("access") switch
        {
            "read" => TemporalAccess.Read,
            "write" => TemporalAccess.Write,
            "admin" => TemporalAccess.Admin,
            var other => throw new InvalidDataException($"{path}:{node.Start.Line}: access is read, write or admin, not '{other}'"),
        };
        var scope = Word("scope") switch
        {
            "namespace" => TemporalScope.Namespace,
            "cluster" => TemporalScope.Cluster,
            var other => throw new InvalidDataException($"{path}:{node.Start.Line}: scope is namespace or cluster, not '{other}'"),
        };
        return (service, new TemporalOperation(method, permission, access, access == TemporalAccess.Read ? AuditClass.Read : AuditClass.Write)
        {
            Scope = scope,
            ClusterScope = scope == TemporalScope.Cluster,
            // What a message of a newer API doesn't name can't be known here.
            Unknown = Dimensions.TaskQueue | Dimensions.WorkflowType,
        });
    }
}
