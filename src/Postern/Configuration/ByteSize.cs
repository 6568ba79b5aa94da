namespace Postern.Configuration;

/// <summary>A number of bytes, written with its unit: <c>4MiB</c>.</summary>
internal readonly record struct ByteSize(long Bytes)
{
    public static ByteSize KiB(int count) => new(count * 1024L);

    public static ByteSize MiB(int count) => new(count * 1024L * 1024);
}
