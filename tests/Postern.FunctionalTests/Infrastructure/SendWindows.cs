namespace Postern.FunctionalTests.Infrastructure;

/// <summary>How much a client may still send, for the calls that are meant to obey flow control.</summary>
internal sealed class SendWindows
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, int> _streams = [];
    private readonly HashSet<int> _ended = [];
    private long _connection = 65_535;
    private int _initial = 65_535;
    private bool _closed;
    private TaskCompletionSource _changed = New();

    public void Initial(int size)
    {
        lock (_lock)
        {
            _initial = size;
            Change();
        }
    }

    public void Add(int stream, int bytes)
    {
        lock (_lock)
        {
            if (stream == 0)
            {
                _connection += bytes;
            }
            else
            {
                _streams[stream] = _streams.GetValueOrDefault(stream) + bytes;
            }

            Change();
        }
    }

    /// <summary>The peer wants no more of this stream.</summary>
    public void Close(int stream)
    {
        lock (_lock)
        {
            _ended.Add(stream);
            Change();
        }
    }

    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            Change();
        }
    }

    /// <summary>Waits until <paramref name="bytes"/> may be sent; false where the peer will take none.</summary>
    public async Task<bool> TakeAsync(int stream, int bytes)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_closed || _ended.Contains(stream))
                {
                    return false;
                }

                // What is stored is the difference to the initial size, which may change while streams are open.
                var left = _initial + _streams.GetValueOrDefault(stream);
                if (left >= bytes && _connection >= bytes)
                {
                    _streams[stream] = _streams.GetValueOrDefault(stream) - bytes;
                    _connection -= bytes;
                    return true;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(RawHttp2.Deadline);
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Change()
    {
        _changed.TrySetResult();
        _changed = New();
    }
}
