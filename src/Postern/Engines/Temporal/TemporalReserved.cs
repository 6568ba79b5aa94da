namespace Postern.Engines.Temporal;

/// <summary>Names that the server keeps for itself: other names for what policy knows under its own, or for what it has no word for. Who uses one needs the cluster.</summary>
internal static class TemporalReserved
{
    private const string System = "temporal-system";
    private const string Mailboxes = "temporal-sys/worker-commands/";

    /// <summary>
    /// In a token's permissions <c>temporal-system</c> isn't a namespace but the whole cluster, up to the first colon: a grant for a namespace of that name would open everything.
    /// </summary>
    public static bool IsNamespace(string? name) =>
        name is not null && name.StartsWith(System, StringComparison.Ordinal) && (name.Length == System.Length || name[System.Length] == ':');

    /// <summary>
    /// The server's own queues and partitions stand beside the users': what is started there runs with the server's rights, what is polled there is another's,
    /// and a partition (<c>/_sys/payroll/1</c>) is another name of its queue, which no rule about the queue would meet.
    /// </summary>
    public static bool IsQueue(string? name) => name is not null
        && (name.StartsWith("temporal-sys", StringComparison.Ordinal) || name.StartsWith("/_sys/", StringComparison.Ordinal) || name.StartsWith("/__sys", StringComparison.Ordinal));

    /// <inheritdoc cref="IsQueue(string?)"/>
    public static bool IsQueue(ReadOnlySpan<byte> name) => name.StartsWith("temporal-sys"u8) || name.StartsWith("/_sys/"u8) || name.StartsWith("/__sys"u8);

    /// <summary>A workflow that the server runs for something else: <c>temporal-sys-scheduler:nightly</c> is the schedule <c>nightly</c>.</summary>
    public static bool IsWorkflow(ReadOnlySpan<byte> id) => id.StartsWith("temporal-sys-"u8);

    /// <inheritdoc cref="IsWorkflow(ReadOnlySpan{byte})"/>
    public static bool IsWorkflow(string? id) => id is not null && id.StartsWith("temporal-sys-", StringComparison.Ordinal);

    /// <summary>Where the server leaves word for one worker of this namespace: <c>temporal-sys/worker-commands/(namespace)/(key)</c>.</summary>
    public static bool IsOwnMailbox(string? queue, string? ns)
    {
        if (queue is null || ns is null || !queue.StartsWith(Mailboxes, StringComparison.Ordinal))
        {
            return false;
        }

        var rest = queue.AsSpan(Mailboxes.Length);
        return rest.Length > ns.Length + 1 && rest.StartsWith(ns) && rest[ns.Length] == '/' && !rest[(ns.Length + 1)..].Contains('/');
    }
}
