using Google.Protobuf;
using Postern.Dev.Engine.Grpc;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Which search attributes a namespace knows, and their types.</summary>
internal sealed class SearchAttributeTypes
{
    /// <summary>The ones that the engine itself keeps; a query may name them, a workflow may not set most of them.</summary>
    public static readonly IReadOnlyDictionary<string, IndexedValueType> System = new Dictionary<string, IndexedValueType>(StringComparer.Ordinal)
    {
        ["BatcherNamespace"] = IndexedValueType.Keyword,
        ["BatcherUser"] = IndexedValueType.Keyword,
        ["BinaryChecksums"] = IndexedValueType.KeywordList,
        ["BuildIds"] = IndexedValueType.KeywordList,
        ["CloseTime"] = IndexedValueType.Datetime,
        ["ExecutionDuration"] = IndexedValueType.Int,
        ["ExecutionStatus"] = IndexedValueType.Keyword,
        ["ExecutionTime"] = IndexedValueType.Datetime,
        ["HistoryLength"] = IndexedValueType.Int,
        ["HistorySizeBytes"] = IndexedValueType.Int,
        ["ParentRunId"] = IndexedValueType.Keyword,
        ["ParentWorkflowId"] = IndexedValueType.Keyword,
        ["RootRunId"] = IndexedValueType.Keyword,
        ["RootWorkflowId"] = IndexedValueType.Keyword,
        ["RunId"] = IndexedValueType.Keyword,
        ["StartTime"] = IndexedValueType.Datetime,
        ["StateTransitionCount"] = IndexedValueType.Int,
        ["TaskQueue"] = IndexedValueType.Keyword,
        ["TemporalChangeVersion"] = IndexedValueType.KeywordList,
        ["TemporalNamespaceDivision"] = IndexedValueType.Keyword,
        ["TemporalReportedProblems"] = IndexedValueType.KeywordList,
        ["WorkflowId"] = IndexedValueType.Keyword,
        ["WorkflowType"] = IndexedValueType.Keyword,
    };

    private readonly SortedDictionary<string, IndexedValueType> custom = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, IndexedValueType> Custom => custom;

    public void Add(string name, IndexedValueType type) => custom[name] = type;

    public bool Remove(string name) => custom.Remove(name);

    public IndexedValueType? Find(string name) =>
        custom.TryGetValue(name, out var type) || System.TryGetValue(name, out type) ? type : null;

    /// <summary>The attributes with their types written into the payloads, as the server gives them back; throws for one that isn't known.</summary>
    public SearchAttributes? Typed(SearchAttributes? written, string namespaceName)
    {
        if (written is null)
        {
            return null;
        }

        var typed = new SearchAttributes();
        foreach (var (name, payload) in written.IndexedFields)
        {
            if (Find(name) is not { } type)
            {
                throw new RpcException(StatusCode.InvalidArgument, $"Namespace {namespaceName} has no mapping defined for search attribute {name}");
            }

            var copy = payload.Clone();
            copy.Metadata["type"] = ByteString.CopyFromUtf8(type.ToString());
            typed.IndexedFields[name] = copy;
        }

        return typed;
    }
}
