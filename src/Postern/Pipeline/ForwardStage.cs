using System.Buffers;
using System.Globalization;
using Postern.Engines.Temporal;
using Postern.Forwarding;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// Bytes to the engine, bytes back. The request goes out as one buffered message; the answer's head, messages, status and trailers are copied as they come.
/// Nothing is kept while the engine is waited for that the wait doesn't need.
/// </summary>
internal sealed class ForwardStage(DeadlineWheel wheel)
{
    private const int FrameHead = 5;
    private const int RunIdHead = 4096;

    // A call without a deadline of its own still ends some day; far above any long poll.
    private static readonly TimeSpan NoDeadline = TimeSpan.FromHours(24);

    public async ValueTask<Refusal?> RunAsync(Call call)
    {
        var timeoutText = call.RequestHeaders.GrpcTimeout;
        var timeout = NoDeadline;
        if (timeoutText.Count > 0 && (timeoutText.Count > 1 || !GrpcTimeout.TryParse(timeoutText[0], out timeout)))
        {
            return new Refusal(RefusalReason.Unreadable, "The request's deadline can't be read.", "grpc-timeout");
        }

        if (timeout <= TimeSpan.Zero)
        {
            return Refused(RefusalReason.UpstreamTimeout, call, sent: false);
        }

        if (call.Engine.Pool.Take() is not { } lane)
        {
            return new Refusal(RefusalReason.UpstreamUnreachable, "The engine can't be reached.", "no address");
        }

        var content = (GrpcRequestContent)call.Outgoing!.Content!;
        var registration = call.Lifetime.RequestAborted.UnsafeRegister(static call => ((Call)call!).ClientGone(), call);
        wheel.Start(call, timeout);
        try
        {
            var sending = lane.Invoker.SendAsync(call.Outgoing, call.Cancellation);
            using var response = await sending;
            content.Release();
            call.Engine.Pool.Note(reached: true);
            return await CopyAsync(call, response);
        }
        catch (OperationCanceledException) when (call.EndedBy is { } ended)
        {
            return call.Ending ?? Refused(ended, call, content.WasSent);
        }
        catch (OperationCanceledException) when (!call.Lifetime.RequestAborted.IsCancellationRequested)
        {
            // Nobody cancelled but the connection attempt itself.
            return Refused(RefusalReason.UpstreamUnreachable, call, content.WasSent, "timed out connecting");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or ObjectDisposedException)
        {
            call.Engine.Pool.Note(reached: content.WasSent);
            return Refused(RefusalReason.UpstreamUnreachable, call, content.WasSent, Cause(e));
        }
        finally
        {
            wheel.Stop(call);
            await registration.DisposeAsync();
            lane.Leave();
            content.Release();
            call.Outgoing = null;
        }
    }

    private static async ValueTask<Refusal?> CopyAsync(Call call, HttpResponseMessage response)
    {
        call.Response.StatusCode = (int)response.StatusCode;
        call.AnswerBegun = true;
        if (GrpcAnswerCopy.CopyHead(response, call.Response.Headers) is { } status)
        {
            call.Answer.Status = status;
        }

        // Only what changes something waits for its record; a poll's or a history's answer flows.
        var held = call.AuditClass == AuditClass.Write;
        var head = held ? ArrayPool<byte>.Shared.Rent(RunIdHead) : [];
        try
        {
            var body = await response.Content.ReadAsStreamAsync(call.Cancellation);
            var known = call.Answer.Status;
            var keep = head.AsMemory(0, held ? RunIdHead : 0);
            if (call.Method.Tasks is { } tasks && known == 0)
            {
                (call.Answer, var refusal) = await TaskAnswerCopy.CopyAsync(call, tasks, body, Encoding(response), keep);
                if (refusal is not null)
                {
                    return refusal;
                }
            }
            else
            {
                call.Answer = await GrpcAnswerCopy.CopyBodyAsync(body, call.ResponseBody.Writer, call.State.Options.Limits.ResponseBytes.Bytes, held, keep, call.Cancellation);
            }

            call.Answer.Status = known;
            if (call.Answer.Broken)
            {
                return Refused(RefusalReason.UpstreamUnreachable, call, sent: true, "broke off in its answer");
            }

            if (call.Answer.TooLarge)
            {
                return new Refusal(RefusalReason.TooLarge, "grpc: received message larger than max: the engine's answer is over limits.responseBytes.");
            }

            if (held && call.Answer.Bytes is > FrameHead and <= RunIdHead && head[0] == 0)
            {
                call.RunId = TemporalRunIds.Read(call.Method, head.AsSpan(FrameHead, (int)call.Answer.Bytes - FrameHead));
            }
        }
        finally
        {
            if (held)
            {
                ArrayPool<byte>.Shared.Return(head);
            }
        }

        if (!response.Headers.NonValidated.Contains("grpc-status"))
        {
            call.Answer.Status = GrpcAnswerCopy.CopyTrailers(response.TrailingHeaders, call.Trailers);
        }

        return null;
    }

    private static string? Encoding(HttpResponseMessage response) =>
        response.Headers.NonValidated.TryGetValues("grpc-encoding", out var named) ? named.ToString() : null;

    private static Refusal Refused(RefusalReason reason, Call call, bool sent, string? detail = null)
    {
        // Whoever gets this must know whether trying again could do the thing twice.
        var unknown = sent && call.AuditClass == AuditClass.Write ? " The call had been sent; its outcome is unknown." : "";
        return reason switch
        {
            RefusalReason.UpstreamTimeout => new Refusal(reason, $"context deadline exceeded.{unknown}", detail),
            RefusalReason.Draining => new Refusal(reason, $"The gate is shutting down.{unknown}", detail),
            _ => new Refusal(reason, $"The engine can't be reached or broke off.{unknown}", detail),
        };
    }

    private static string Cause(Exception e) => e is HttpRequestException http
        ? string.Create(CultureInfo.InvariantCulture, $"{http.HttpRequestError}: {(http.InnerException ?? http).GetType().Name}")
        : e.GetType().Name;
}
