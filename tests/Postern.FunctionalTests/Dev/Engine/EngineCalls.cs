using Google.Protobuf;
using Google.Protobuf.Reflection;
using Postern.Dev.Engine;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Enums.V1;
using Operator = Temporalio.Api.OperatorService.V1;
using Workflow = Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>Starting engines, and calling them with messages.</summary>
internal static class EngineCalls
{
    /// <summary>The recorded servers' namespaces and search attributes.</summary>
    public static DevEngineOptions Recorded { get; } = new()
    {
        SearchAttributes = new Dictionary<string, IndexedValueType>
        {
            ["CustomerId"] = IndexedValueType.Keyword,
            ["Amount"] = IndexedValueType.Double,
            ["Note"] = IndexedValueType.Text,
            ["Tags"] = IndexedValueType.KeywordList,
            ["Priority"] = IndexedValueType.Int,
            ["Urgent"] = IndexedValueType.Bool,
            ["DueAt"] = IndexedValueType.Datetime,
        },
    };

    public static Task<DevEngine> StartAsync(DevEngineOptions? options = null) => DevEngine.StartAsync(options ?? Recorded, TestContext.Current.CancellationToken);

    /// <summary>The message type of a method's request or answer.</summary>
    public static MessageDescriptor Type(string path, string suffix)
    {
        var name = path[(path.LastIndexOf('/') + 1)..] + suffix;
        return (path.Contains(".operatorservice.", StringComparison.Ordinal)
            ? Operator.RequestResponseReflection.Descriptor
            : Workflow.RequestResponseReflection.Descriptor).FindTypeByName<MessageDescriptor>(name);
    }

    /// <summary>Calls a method with a message, none for an empty one.</summary>
    public static Task<GrpcResult> AskAsync(this GrpcClient client, string method, IMessage? request = null, string? token = null, string timeout = "30S") =>
        client.CallAsync(method, request?.ToByteArray() ?? [], token, TestContext.Current.CancellationToken, ("grpc-timeout", timeout));

    /// <summary>Calls a method; its answer, or a failed test.</summary>
    public static async Task<T> OkAsync<T>(this GrpcClient client, string method, IMessage request, string timeout = "30S")
        where T : IMessage<T>, new()
    {
        var result = await client.AskAsync(method, request, null, timeout);
        Assert.True(result.Status == 0, $"{method}: {result.Status} {result.Message}");
        var answer = new T();
        answer.MergeFrom(GrpcFrame.Message(result.Body));
        return answer;
    }
}
