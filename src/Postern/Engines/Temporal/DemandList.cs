using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>Demands beyond the first, collected without allocating where there are none.</summary>
internal struct DemandList
{
    private Demand[]? _items;

    public int Count { get; private set; }

    public readonly ref readonly Demand this[int index] => ref _items![index];

    /// <summary>Says of all demands from a place on which kind of command makes them.</summary>
    public readonly void Mark(int from, FailedTaskCause command)
    {
        for (var i = from; i < Count; i++)
        {
            _items![i] = _items[i] with { Command = (byte)command };
        }
    }

    public void Add(in Demand demand)
    {
        _items ??= new Demand[1];
        if (Count == _items.Length)
        {
            Array.Resize(ref _items, 2 * Count);
        }

        _items[Count++] = demand;
    }

    public Demand[] ToArray()
    {
        if (_items is null)
        {
            return [];
        }

        if (Count < _items.Length)
        {
            Array.Resize(ref _items, Count);
        }

        return _items;
    }

    /// <summary>The namespaces of these demands that aren't <paramref name="own"/>, each once, comma-separated.</summary>
    public readonly string? OtherNamespaces(string? own) => Count == 0 ? null : Operation.OtherNamespaces(_items.AsSpan(0, Count), own);
}
