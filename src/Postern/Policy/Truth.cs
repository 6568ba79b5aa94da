namespace Postern.Policy;

/// <summary>The answer of a condition. Ordered, so that "and" is the least of several and "or" the greatest.</summary>
internal enum Truth : byte
{
    No = 0,
    /// <summary>The fact that it needs isn't there (no source address, no time).</summary>
    Unknown,
    Yes,
}
