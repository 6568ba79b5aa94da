using System.Net;
using Microsoft.AspNetCore.Http;
using Postern.Engines.Temporal;
using Postern.Forwarding;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>The engine's request: its credential, the client's harmless headers, the call's trace. Everything that carries identity is ours alone.</summary>
internal sealed class AttachStage
{
#pragma warning disable CA1822 // A stage is an object like its neighbours, also while it keeps nothing.
    public Refusal? Run(Call call)
#pragma warning restore CA1822
    {
        if (AnswerStage.Answers(call))
        {
            return null;
        }

        var content = new GrpcRequestContent(call.Message, call.RequestHeaders.ContentType.ToString());
        call.Message = default;
        var request = new HttpRequestMessage(HttpMethod.Post, call.Engine.UriOf(call.Method))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        var connection = call.RequestHeaders.Connection;
        var isPoll = call.Method.Row.IsTaskPoll;
        foreach (var header in call.RequestHeaders)
        {
            // A poll's answer has to come unpacked: the task's seal is written into it.
            if (!RequestHeaderRules.IsForwarded(header.Key, connection) || (isPoll && IsEncoding(header.Key)))
            {
                continue;
            }

            if (header.Value.Count == 1)
            {
                request.Headers.TryAddWithoutValidation(header.Key, header.Value[0]);
            }
            else
            {
                request.Headers.TryAddWithoutValidation(header.Key, (IEnumerable<string?>)header.Value);
            }
        }

        var engine = call.Engine;
        var credential = engine.Minter is { } minter
            ? call.CallerState.CredentialFor(engine, minter, call.Token.Caller, TemporalGrant.For(call.Method, call.Operation), call.Time)
            : engine.Bearer;
        if (credential is not null)
        {
            request.Headers.TryAddWithoutValidation("authorization", credential);
        }

        request.Headers.TryAddWithoutValidation("traceparent", call.CallId.TraceParent(call.RequestHeaders.TraceParent.Count == 1 ? call.RequestHeaders.TraceParent[0] : null));
        request.Headers.TryAddWithoutValidation("x-postern-call-id", call.Id);
        call.Outgoing = request;
        // The header strings of an open poll would otherwise live as long as it waits: a token alone is a kilobyte. Those of a short call are left to Kestrel,
        // which hands the same strings out again for the stream's next call that repeats them.
        if (call.Method.Row.LongPoll)
        {
            ReleaseHeaders(call.RequestHeaders);
        }

        return null;
    }

    private static bool IsEncoding(string name) =>
        name.Equals("grpc-encoding", StringComparison.OrdinalIgnoreCase) || name.Equals("grpc-accept-encoding", StringComparison.OrdinalIgnoreCase);

    private static void ReleaseHeaders(IHeaderDictionary headers)
    {
        var contentType = headers.ContentType;
        var timeout = headers.GrpcTimeout;
        headers.Clear();
        headers.ContentType = contentType;
        headers.GrpcTimeout = timeout;
    }
}
