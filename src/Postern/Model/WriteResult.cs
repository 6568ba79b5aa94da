namespace Postern.Model;

/// <summary>What came of a write. A store that can't be asked throws <see cref="StoreUnavailableException"/> instead: that is no answer.</summary>
internal abstract record WriteResult
{
    private WriteResult()
    {
    }

    /// <summary>It is on disk.</summary>
    /// <param name="Version">The object's version now; for a deletion, the last one.</param>
    /// <param name="Revision">The store's state with it in.</param>
    internal sealed record Done(long Version, StoreRevision Revision) : WriteResult;

    /// <summary>Somebody changed it since it was read; nothing was written.</summary>
    /// <param name="Version">Its version now.</param>
    internal sealed record Conflict(long Version) : WriteResult;

    /// <summary>An account or a user has this name already; nothing was written.</summary>
    internal sealed record NameTaken : WriteResult;

    /// <summary>The id is in use; nothing was written.</summary>
    internal sealed record IdTaken : WriteResult;

    /// <summary>The owner has as many live keys as it may; nothing was written.</summary>
    internal sealed record TooMany : WriteResult;

    /// <summary>There is no such object, or no owner for the key; nothing was written.</summary>
    internal sealed record Missing : WriteResult;
}
