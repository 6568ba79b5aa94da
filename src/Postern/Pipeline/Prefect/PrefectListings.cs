using System.Text;
using System.Text.Json;
using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>One thing of a list, with the names that policy knows it by.</summary>
internal sealed record PrefectListed(string Id, PrefectThing Thing);

/// <summary>Every thing of one kind.</summary>
internal sealed record PrefectListing(IReadOnlyList<PrefectListed> Items)
{
    /// <summary>In place of more than can be named.</summary>
    public static readonly PrefectListing TooLong = new([]);
}

/// <summary>What there is on a server, of the kinds that lists are narrowed by: asked in the gate's own name, and remembered for a moment.</summary>
internal sealed class PrefectListings(PrefectClient client, TimeProvider time)
{
    // The server's own most.
    private const int Page = 200;

    // A filter with more ids than these is no filter any more.
    private const int Most = 5_000;
    private static readonly TimeSpan ForAMoment = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ForAWhile = TimeSpan.FromMinutes(1);

    private readonly KnownAnswers<PrefectObject, PrefectListing> _known = new(time);

    /// <summary>All of a kind; null where the server can't be asked, <see cref="PrefectListing.TooLong"/> where it has more than can be named.</summary>
    public Task<PrefectListing?> AllAsync(PrefectObject kind, CancellationToken cancellation) => _known.FindAsync(kind, () => AskAsync(kind), cancellation);

    private async Task<(PrefectListing? Found, TimeSpan Keep)> AskAsync(PrefectObject kind)
    {
        var path = kind switch
        {
            PrefectObject.Flow => "/api/flows/filter",
            PrefectObject.Deployment => "/api/deployments/filter",
            PrefectObject.WorkPool => "/api/work_pools/filter",
            PrefectObject.WorkQueue => "/api/work_queues/filter",
            PrefectObject.Variable => "/api/variables/filter",
            PrefectObject.BlockDocument => "/api/block_documents/filter",
            PrefectObject.BlockType => "/api/block_types/filter",
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a kind that is listed."),
        };
        Dictionary<string, string?>? flows = null;
        if (kind == PrefectObject.Deployment)
        {
            if (await AllAsync(PrefectObject.Flow, CancellationToken.None) is not { } known)
            {
                return default;
            }

            if (known == PrefectListing.TooLong)
            {
                return (known, ForAWhile);
            }

            flows = known.Items.ToDictionary(flow => flow.Id, flow => flow.Thing.Flow, StringComparer.OrdinalIgnoreCase);
        }

        var items = new List<PrefectListed>();
        for (var offset = 0; ; offset += Page)
        {
            if (await client.AskAsync(HttpMethod.Post, path, Encoding.UTF8.GetBytes($"{{\"limit\":{Page},\"offset\":{offset}}}")) is not { ValueKind: JsonValueKind.Array } page)
            {
                return default;
            }

            foreach (var item in page.EnumerateArray())
            {
                if (PrefectThing.Text(item, "id") is not { } id)
                {
                    return default;
                }

                // A flow that was made after they were listed: what belongs to it shows a moment later.
                if (Read(kind, item, flows) is { } thing)
                {
                    items.Add(new PrefectListed(id, thing));
                }
            }

            if (page.GetArrayLength() < Page)
            {
                return (new PrefectListing(items), ForAMoment);
            }

            if (items.Count > Most)
            {
                return (PrefectListing.TooLong, ForAWhile);
            }
        }
    }

    private static PrefectThing? Read(PrefectObject kind, JsonElement item, Dictionary<string, string?>? flows)
    {
        var thing = PrefectThing.Read(kind, item);
        return flows is null || PrefectThing.Text(item, "flow_id") is not { } flow ? thing : flows.TryGetValue(flow, out var name) ? thing with { Flow = name, FlowId = flow } : null;
    }
}
