using System.Text;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

internal partial class TemporalDemands
{
    // Each may have its namespace looked up; the server takes 32 for one workflow.
    private const int MostTokens = 100;

    // The server calls a callback with its own credentials, and believes of its token which operation it ends.
    private Refusal? AddCallbacks(in MessageLens lens, CallbackAddresses callbacks, TaskOpener? open, in Demand first, ref DemandList more, out bool hasSeals)
    {
        hasSeals = false;
        List<int>? elements = null;
        var (calls, elsewhere, tokens) = (false, false, 0);
        foreach (var slots in _names.Callbacks)
        {
            elements?.Clear();
            slots.List.Collect(in lens, ref elements);
            for (var i = 0; i < elements?.Count; i++)
            {
                var vouched = false;
                for (var header = lens.FirstOf(elements[i], slots.Headers); header != 0; header = lens.NextOf(header))
                {
                    if (AddHeader(lens.Bytes(header, slots.HeaderName), lens.Bytes(header, slots.HeaderValue), open, in first, ref more, ref tokens, ref vouched) is { } refusal)
                    {
                        return refusal;
                    }
                }

                var allowed = lens.Has(elements[i], slots.Nexus)
                    && (lens.Bytes(elements[i], slots.Url).SequenceEqual(CallbackAddresses.System) || (lens.Text(elements[i], slots.Url) is { } other && callbacks.Allow(other)));
                calls |= allowed && !vouched;
                elsewhere |= !allowed;
                hasSeals |= vouched;
            }
        }

        if (calls)
        {
            // The end of a Nexus operation that only the callback's token names, or a call to where the administrator lets the server call.
            more.Add(new Demand
            {
                Permission = Permission.NexusCall,
                Namespace = first.Namespace,
                Unknown = Dimensions.NexusEndpoint | Dimensions.NexusService | Dimensions.NexusOperation,
            });
        }

        if (elsewhere)
        {
            // Any address that the server's network reaches, the server's own API included; or the server's own kind, which no client may set.
            more.Add(OnCluster(in first));
        }

        return null;
    }

    private static Refusal? AddHeader(
        ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, TaskOpener? open, in Demand first, ref DemandList more, ref int tokens, ref bool vouched)
    {
        // By this header the server takes a callback for one of another cluster, and calls a path of the client's choice on its own API.
        if (Ascii.EqualsIgnoreCase(name.Trim((byte)' '), "source"u8))
        {
            return TemporalReader.Unreadable("A completion callback may not carry the header 'source'.", "a callback's source header");
        }

        if (!CallbackToken.IsHeader(name) || value.IsEmpty)
        {
            return null;
        }

        if (++tokens > MostTokens || !CallbackToken.TryUnwrap(value, out var data))
        {
            return TemporalReader.Unreadable("A completion callback's token can't be read.", tokens > MostTokens ? "more callback tokens than are read" : "not the shape of a callback token");
        }

        if (open?.Invoke(data, out _) is { } facts)
        {
            vouched = true;
            return AddSealed(facts, in first, ref more);
        }

        if (!CallbackToken.TryRead(data, out var ns, out var workflow))
        {
            return TemporalReader.Unreadable("A completion callback's token can't be read.", "no seal of ours, and no operation's namespace");
        }

        // Nobody handed it out here: it ends whatever it names, so that it takes the right to write there.
        AddOnce(
            new Demand
            {
                Permission = Permission.WorkflowStart,
                NamespaceId = ns,
                WorkflowId = workflow,
                Unknown = Dimensions.Namespace | Dimensions.WorkflowType | Dimensions.TaskQueue | (workflow is null ? Dimensions.WorkflowId : Dimensions.None),
            },
            ref more);
        return null;
    }

    // It came with a Nexus task, whose answer it is part of: whoever may answer that task may have a workflow answer it.
    private static Refusal? AddSealed(TaskFacts facts, in Demand first, ref DemandList more)
    {
        if (facts.Kind != TaskKind.Callback)
        {
            return TemporalReader.Unreadable("A completion callback's token can't be read.", $"sealed as {facts.Kind}");
        }

        if (!string.Equals(facts.Namespace, first.Namespace, StringComparison.Ordinal) || ActsElsewhere(in more, facts.Namespace))
        {
            return TemporalReader.Unreadable("Operation requested with a callback token from a different namespace.", "the seal names another namespace");
        }

        AddOnce(new Demand { Permission = Permission.WorkerComplete, Namespace = facts.Namespace, TaskQueue = facts.TaskQueue.Length == 0 ? null : facts.TaskQueue }, ref more);
        return null;
    }

    /// <summary>
    /// Headers that go with a Nexus operation. The server sends them over HTTP behind its own: one that is called as those are would stand in a handler's task as the
    /// server's word, to be sealed as such.
    /// </summary>
    private readonly struct NexusHeaders(LensNode node, string path)
    {
        private readonly int _list = node.SlotOf(path);
        private readonly int _name = node.At(path)!.Node!.SlotOf("key");

        public void Add(in MessageLens lens, int frame, in Demand first, ref DemandList more)
        {
            for (var header = lens.FirstOf(frame, _list); header != 0; header = lens.NextOf(header))
            {
                var name = lens.Bytes(header, _name).Trim((byte)' ');
                var prefix = "nexus-callback-"u8;
                if (CallbackToken.IsHeader(name) || (name.Length >= prefix.Length && Ascii.EqualsIgnoreCase(name[..prefix.Length], prefix)))
                {
                    more.Add(OnCluster(in first));
                    return;
                }
            }
        }
    }

    private sealed class NexusStartDemands(TemporalOperation row, TemporalNames names, ReservedPaths reserved, LensNode lens) : TemporalDemands(row, names, reserved, lens)
    {
        private readonly NexusHeaders _headers = new(lens, "nexus_header");

        protected override void Add(in MessageLens lens, ref Demand first, ref DemandList more) => _headers.Add(in lens, 0, in first, ref more);
    }

    private static bool ActsElsewhere(in DemandList more, string ns)
    {
        for (var i = 0; i < more.Count; i++)
        {
            if (more[i].Namespace is { } other && !string.Equals(other, ns, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private static void AddOnce(in Demand demand, ref DemandList more)
    {
        for (var i = 0; i < more.Count; i++)
        {
            if (more[i] == demand)
            {
                return;
            }
        }

        more.Add(in demand);
    }
}
