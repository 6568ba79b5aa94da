using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Postern.Dev.Engine.Grpc;

/// <summary>One unary method: how its request is parsed, and who answers it.</summary>
internal sealed class GrpcMethod
{
    private readonly MessageParser parser;
    private readonly Func<IMessage, CallContext, Task<IMessage>> handler;
    private readonly FieldDescriptor? namespaceField;
    private readonly FieldDescriptor? tokenField;

    private GrpcMethod(string name, MessageParser parser, MessageDescriptor request, Func<IMessage, CallContext, Task<IMessage>> handler)
    {
        Name = name;
        this.parser = parser;
        this.handler = handler;
        namespaceField = request.FindFieldByName("namespace");
        tokenField = request.FindFieldByName("task_token");
    }

    public string Name { get; }

    public bool HasNamespace => namespaceField is not null;

    /// <summary>The method answers for namespaces that don't exist (it makes them, or it looks for them itself).</summary>
    public bool MakesNamespace { get; init; }

    public static GrpcMethod Of<TRequest, TResponse>(string name, Func<TRequest, CallContext, TResponse> handler)
        where TRequest : IMessage<TRequest>, new()
        where TResponse : IMessage =>
        new(name, Parser<TRequest>(), new TRequest().Descriptor, (request, call) => Task.FromResult<IMessage>(handler((TRequest)request, call)));

    public static GrpcMethod Waiting<TRequest, TResponse>(string name, Func<TRequest, CallContext, Task<TResponse>> handler)
        where TRequest : IMessage<TRequest>, new()
        where TResponse : IMessage =>
        new(name, Parser<TRequest>(), new TRequest().Descriptor, async (request, call) => await handler((TRequest)request, call));

    public GrpcMethod ThatMakesNamespaces() => new(this) { MakesNamespace = true };

    public IMessage Parse(ReadOnlySpan<byte> body) => parser.ParseFrom(body);

    public Task<IMessage> InvokeAsync(IMessage request, CallContext call) => handler(request, call);

    public string NamespaceOf(IMessage request) => (string?)namespaceField?.Accessor.GetValue(request) ?? "";

    public void SetNamespace(IMessage request, string name) => namespaceField?.Accessor.SetValue(request, name);

    /// <summary>The request's task token; null when this kind of request has none.</summary>
    public ByteString? TaskTokenOf(IMessage request) => (ByteString?)tokenField?.Accessor.GetValue(request);

    private GrpcMethod(GrpcMethod other)
    {
        Name = other.Name;
        parser = other.parser;
        handler = other.handler;
        namespaceField = other.namespaceField;
        tokenField = other.tokenField;
    }

    private static MessageParser<T> Parser<T>()
        where T : IMessage<T>, new() => new MessageParser<T>(static () => new T());
}
