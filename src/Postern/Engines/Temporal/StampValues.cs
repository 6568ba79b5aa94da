namespace Postern.Engines.Temporal;

/// <summary>What is stamped on one call's message.</summary>
internal readonly ref struct StampValues
{
    /// <summary>The caller's name for <c>identity</c>; null where that isn't stamped.</summary>
    public string? Caller { get; init; }

    /// <summary>The assertion, as the header that is merged into the client's (<see cref="AssertionHeader"/>); empty where none is written.</summary>
    public ReadOnlySpan<byte> Header { get; init; }

    /// <summary>Where the assertion is written.</summary>
    public TemporalAssertion Which { get; init; }
}

/// <summary>What stands behind one stamped message or element.</summary>
internal readonly ref struct StampSuffix
{
    private readonly StampPath? _identity;
    private readonly ReadOnlySpan<byte> _text;
    private readonly StampPath? _header;
    private readonly ReadOnlySpan<byte> _entry;

    private StampSuffix(StampPath? identity, ReadOnlySpan<byte> text, StampPath? header, ReadOnlySpan<byte> entry)
    {
        _identity = identity;
        _text = text;
        _header = header;
        _entry = entry;
        Length = (identity?.Length(text.Length) ?? 0) + (header?.Length(entry.Length) ?? 0);
    }

    public int Length { get; }

    public StampSuffix With(StampPath identity, ReadOnlySpan<byte> text) => new(identity, text, _header, _entry);

    public StampSuffix WithHeader(StampPath header, ReadOnlySpan<byte> entry) => new(_identity, _text, header, entry);

    /// <summary>Writes the suffix, and returns its length.</summary>
    public int Write(Span<byte> to)
    {
        var at = _identity?.Write(_text, to) ?? 0;
        return at + (_header?.Write(_entry, to[at..]) ?? 0);
    }
}
