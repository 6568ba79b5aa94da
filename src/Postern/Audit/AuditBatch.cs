using Postern.Model;

namespace Postern.Audit;

/// <summary>Records that go to disk together, and whoever waits for that. Two of them take turns, so that a call's record costs no allocation.</summary>
internal sealed class AuditBatch
{
    private (AuditEvent Kind, AuditRecord Record)[] _entries = new (AuditEvent, AuditRecord)[256];
    private TaskCompletionSource<bool>? _committed;

    public int Count { get; private set; }

    public ReadOnlySpan<(AuditEvent Kind, AuditRecord Record)> Entries => _entries.AsSpan(0, Count);

    public void Add(AuditEvent kind, in AuditRecord record)
    {
        if (Count == _entries.Length)
        {
            Array.Resize(ref _entries, Count * 2);
        }

        ref var entry = ref _entries[Count++];
        entry.Kind = kind;
        entry.Record = record;
    }

    /// <summary>One task for all who wait: they complete together.</summary>
    public Task<bool> Committed => (_committed ??= new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>Tells those who wait. Who was told already isn't told again.</summary>
    public void Complete(bool kept)
    {
        _committed?.TrySetResult(kept);
        _committed = null;
    }

    public void Clear()
    {
        // The strings must not stay alive until the slot is used again, nor the memory of a rush for ever.
        if (_entries.Length > 4096)
        {
            _entries = new (AuditEvent, AuditRecord)[256];
        }
        else
        {
            Array.Clear(_entries, 0, Count);
        }

        Count = 0;
    }
}
