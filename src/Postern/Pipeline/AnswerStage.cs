using System.Buffers;
using System.Globalization;
using Postern.Engines.Temporal;
using Postern.Engines.Temporal.Framing;
using Postern.Model;
using Postern.Policy;

namespace Postern.Pipeline;

/// <summary>
/// The few calls that the gate answers itself, in Forward's place: what the engine says of itself to everybody, from a cache; and lists of the whole cluster, of which each caller gets what it
/// may see. What the engine answers for these is the gate's own question under the gate's own name.
/// </summary>
internal sealed class AnswerStage
{
    // As the server's own.
    private const int DefaultPage = 100;
    private const int LargestPage = 1000;

    // What one call asks of the engine at most: a page that isn't full by then says where to go on.
    private const int EnginePage = 100;
    private const int MostEnginePages = 20;

    public static bool Answers(Call call) => call.Method.Row.Answer != TemporalAnswer.Engine;

    /// <summary>
    /// True for the question without whose answer SDKs don't even start: asked with a credential that can't be verified for now, it is answered too. It tells nothing that the server itself
    /// wouldn't tell without any.
    /// </summary>
    public static bool AnswersUnverified(Call call) => call.IsRouted && call.Method.Row.Answer == TemporalAnswer.ToAnybody;

#pragma warning disable CA1822 // A stage is an object like its neighbours, also while it keeps nothing.
    public ValueTask<Refusal?> RunAsync(Call call)
    {
        // The gate's own patience with the engine is shorter than anybody's; what can't be read is refused here as there.
        var timeout = call.RequestHeaders.GrpcTimeout;
        return timeout.Count > 1 || (timeout.Count == 1 && !GrpcTimeout.TryParse(timeout[0], out _))
            ? new(new Refusal(RefusalReason.Unreadable, "The request's deadline can't be read.", "grpc-timeout"))
            : call.Method.Listing is { } listing ? ListAsync(call, listing) : RepeatAsync(call);
    }

    public ValueTask<Refusal?> RunUnverifiedAsync(Call call)
#pragma warning restore CA1822
    {
        call.Decision = new Decision(DecisionKind.Allow, CallerPolicy.NoRule, "");
        call.IsDecided = true;
        call.Note = "answered without a verified caller";
        return RepeatAsync(call);
    }

    private static async ValueTask<Refusal?> RepeatAsync(Call call) =>
        await Answer(call, await call.Engine.Answers.GetAsync(call));

    private static async ValueTask<Refusal?> ListAsync(Call call, TemporalListing listing)
    {
        if (Open(call, listing, out var message, out var page, out var position) is { } refusal)
        {
            return refusal;
        }

        var shown = new ArrayBufferWriter<byte>(1024);
        var grant = TemporalGrant.For(call.Method, call.Operation);
        var count = 0;
        ListPosition? next = position;
        for (var asked = 0; asked < MostEnginePages && next is { } place && count < page; asked++)
        {
            var reply = await call.Engine.Client.CallAsync(call.Method, listing.RequestFor(message, EnginePage, place.Token.Span), grant, call.Lifetime.RequestAborted);
            if (!reply.IsOk)
            {
                return await Answer(call, reply);
            }

            var items = new List<ListedItem>();
            if (!listing.TryReadAnswer(reply.Message, items, out var engineNext))
            {
                return new Refusal(RefusalReason.CannotTell, "The engine's list can't be read.", "a malformed answer");
            }

            var at = place.Skip;
            for (; at < items.Count && count < page; at++)
            {
                if (listing.TryDemand(items[at].Message.Span, out var demand) && MaySee(call, demand))
                {
                    shown.Write(items[at].Field.Span);
                    count++;
                }
            }

            next = at < items.Count ? place with { Skip = at } : engineNext.IsEmpty ? null : new ListPosition(engineNext, 0);
        }

        if (next is { } rest)
        {
            shown.Write(listing.NextToken(call.Engine.Pages.Write(call, rest)));
        }

        return await Answer(call, new EngineReply(0, "", shown.WrittenMemory));
    }

    // By a right to the thing itself, or by one to the whole list of which no deny takes it away.
    private static bool MaySee(Call call, in Demand demand)
    {
        var policy = call.CallerState.Policy;
        var circumstances = new Circumstances(call.Source, call.Time);
        return policy.Decide(demand, circumstances).IsAllowed
            || (policy.Decide(call.Operation.First, circumstances).IsAllowed && policy.DecideDenied(demand, circumstances).IsAllowed);
    }

    private static Refusal? Open(Call call, TemporalListing listing, out byte[] message, out int page, out ListPosition? position)
    {
        (message, page, position) = ([], 0, null);
        var limits = call.State.Options.Limits;
        using var open = GrpcMessage.Parse(
            new ReadOnlySequence<byte>(call.Message.Memory), call.RequestHeaders.GrpcEncoding, limits.RequestBytes.Bytes, limits.InflateBytes.Bytes, out var refusal);
        if (refusal is not null)
        {
            return refusal;
        }

        message = open.Message.ToArray();
        if (!listing.TryReadRequest(message, out page, out var token))
        {
            return new Refusal(RefusalReason.Unreadable, "The request can't be read: it isn't a valid protobuf message.", "a page");
        }

        page = page <= 0 ? DefaultPage : Math.Min(page, LargestPage);
        position = token.IsEmpty ? new ListPosition(default, 0) : call.Engine.Pages.Read(call, token);
        return position is null
            ? new Refusal(RefusalReason.Unreadable, "Invalid NextPageToken: it wasn't handed out for this list, to this caller, under the policy as it is now. Begin at the first page.", "a page token")
            : null;
    }

    private static async ValueTask<Refusal?> Answer(Call call, EngineReply reply)
    {
        switch (reply.Status)
        {
            case 0 when reply.Message.Length > call.State.Options.Limits.ResponseBytes.Bytes:
                return new Refusal(RefusalReason.TooLarge, "grpc: received message larger than max: the engine's answer is over limits.responseBytes.");
            case 0:
                call.Answer.Status = 0;
                call.Answer.Bytes = reply.Message.Length;
                call.AnswerBegun = true;
                GrpcResponder.Answer(call, reply.Message.Span);
                await call.ResponseBody.Writer.FlushAsync(call.Lifetime.RequestAborted);
                return null;
            case EngineReply.Unavailable:
                return new Refusal(RefusalReason.UpstreamUnreachable, "The engine can't be reached.", reply.Text);
            case 7 or 16:
                // The engine's "no" is to the gate's own credential: nothing that the caller could do about.
                return new Refusal(RefusalReason.CannotTell, "The engine doesn't answer the gate.", string.Create(CultureInfo.InvariantCulture, $"the engine refused the gate's own credential with {reply.Status}"));
            default:
                call.Answer.Status = reply.Status;
                GrpcResponder.AnswerStatus(call, reply.Status, reply.Text, reply.Details);
                return null;
        }
    }
}
