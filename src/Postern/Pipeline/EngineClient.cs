using System.Buffers;
using System.Net;
using Postern.Engines.Temporal;
using Postern.Engines.Temporal.Framing;
using Postern.Forwarding;
using Postern.Model;
using Postern.Tokens;

namespace Postern.Pipeline;

/// <summary>What an engine answered to the gate itself. Status 0 comes with a message; unreachable and late are status 14 (UNAVAILABLE).</summary>
/// <param name="Status">The call's <c>grpc-status</c>.</param>
/// <param name="Text">The engine's words, as they stand on the wire (percent-encoded); for the log, never for a caller.</param>
/// <param name="Message">The answer's message, inflated, without its frame.</param>
internal readonly record struct EngineReply(int Status, string Text, ReadOnlyMemory<byte> Message)
{
    public const int Unavailable = 14;

    public const int NotFound = 5;

    public bool IsOk => Status == 0;

    /// <summary>The value of <c>grpc-status-details-bin</c> beside another status than 0; null where there is none.</summary>
    public string? Details { get; init; }
}

/// <summary>
/// The gate's own unary calls to one engine, in its own name and with a credential of its own, but for what it says for a caller. What it learns so decides about
/// callers, and is shown to none that wasn't judged.
/// </summary>
internal sealed class EngineClient(UpstreamPool pool, UpstreamTokenMinter? minter, string? bearer, TimeProvider time)
{
    private const int FrameHead = 5;
    private const int LargestAnswer = 16 * 1024 * 1024;

    // A caller waits for it: longer than an engine that is well ever takes, shorter than any SDK's patience.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Whom the engine sees: no issuer can be named so, since a name in the configuration has no dot.</summary>
    private static readonly Caller s_self = new() { Kind = CallerKind.Service, Issuer = "postern.gate", Subject = "postern", Name = "postern.gate/postern", DisplayName = "postern" };

    /// <summary>Makes one call. Never throws for what the engine or the network does; a cancelled call throws.</summary>
    /// <param name="method">The method.</param>
    /// <param name="message">Its request, unframed.</param>
    /// <param name="grant">The least that the stock authorizer asks for: <c>payments:read</c>, <c>temporal-system:read</c>.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="headers">Further request headers.</param>
    public Task<EngineReply> CallAsync(
        TemporalMethod method, ReadOnlyMemory<byte> message, string grant, CancellationToken cancellation, params (string Name, string? Value)[] headers) =>
        CallAsync(method, message, grant, s_self, cancellation, headers);

    /// <inheritdoc cref="CallAsync(TemporalMethod, ReadOnlyMemory{byte}, string, CancellationToken, ValueTuple{string, string}[])"/>
    /// <param name="method">The method.</param>
    /// <param name="message">Its request, unframed.</param>
    /// <param name="grant">The least that the stock authorizer asks for.</param>
    /// <param name="caller">In whose name the engine is called: what it does then stands to that caller's account.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="headers">Further request headers.</param>
    public async Task<EngineReply> CallAsync(
        TemporalMethod method, ReadOnlyMemory<byte> message, string grant, Caller caller, CancellationToken cancellation, params (string Name, string? Value)[] headers)
    {
        if (pool.Take() is not { } lane)
        {
            return Unreachable("no address");
        }

        using var late = new CancellationTokenSource(Patience, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, late.Token);
        try
        {
            using var request = Request(method, message, grant, caller);
            foreach (var (name, value) in headers)
            {
                if (value is not null)
                {
                    request.Headers.TryAddWithoutValidation(name, value);
                }
            }

            using var response = await lane.Invoker.SendAsync(request, ended.Token);
            var body = await ReadAsync(response, ended.Token);
            pool.Note(reached: true);
            return body is null ? Unreachable("its answer is too large") : Reply(response, body.Value);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return Unreachable("no answer in time");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or ObjectDisposedException)
        {
            return Unreachable(e.GetType().Name);
        }
        finally
        {
            lane.Leave();
        }
    }

    private HttpRequestMessage Request(TemporalMethod method, ReadOnlyMemory<byte> message, string grant, Caller caller)
    {
        var framed = new OutgoingMessage(FrameHead + message.Length);
        framed.Span[..FrameHead].Clear();
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(framed.Span[1..], (uint)message.Length);
        message.Span.CopyTo(framed.Span[FrameHead..]);
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"{pool.Scheme}://{pool.Authority}{method.Path}"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new GrpcRequestContent(framed, "application/grpc"),
        };
        request.Headers.TryAddWithoutValidation("te", "trailers");
        request.Headers.TryAddWithoutValidation("grpc-timeout", "5S");
        if ((minter?.For(caller, grant).Header ?? bearer) is { } credential)
        {
            request.Headers.TryAddWithoutValidation("authorization", credential);
        }

        return request;
    }

    private static async Task<ReadOnlyMemory<byte>?> ReadAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var body = new ArrayBufferWriter<byte>(1024);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        while (await stream.ReadAsync(body.GetMemory(4096), cancellation) is > 0 and var read)
        {
            body.Advance(read);
            if (body.WrittenCount > LargestAnswer)
            {
                return null;
            }
        }

        return body.WrittenMemory;
    }

    private static EngineReply Reply(HttpResponseMessage response, ReadOnlyMemory<byte> body)
    {
        var inHead = response.Headers.NonValidated.TryGetValues("grpc-status", out var status);
        if (!inHead && !response.TrailingHeaders.NonValidated.TryGetValues("grpc-status", out status))
        {
            return Unreachable($"HTTP {(int)response.StatusCode} without a status");
        }

        var code = int.TryParse(status.ToString(), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var parsed) ? parsed : 2;
        if (code != 0)
        {
            var from = inHead ? response.Headers : response.TrailingHeaders;
            return new EngineReply(code, from.NonValidated.TryGetValues("grpc-message", out var text) ? text.ToString() : "", default)
            {
                Details = from.NonValidated.TryGetValues("grpc-status-details-bin", out var details) ? details.ToString() : null,
            };
        }

        var encoding = response.Headers.NonValidated.TryGetValues("grpc-encoding", out var named) ? named.ToString() : null;
        using var message = GrpcMessage.Parse(new ReadOnlySequence<byte>(body), encoding, LargestAnswer, LargestAnswer, out var refusal);
        return refusal is null ? new EngineReply(0, "", message.Message.ToArray()) : Unreachable("its answer can't be read");
    }

    private static EngineReply Unreachable(string why) => new(EngineReply.Unavailable, why, default);
}
