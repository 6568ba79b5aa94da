using Microsoft.Extensions.Logging.Abstractions;
using Postern.Tokens;

namespace Postern.Tests.Tokens;

/// <summary>What the gate closes it opens again, whole and for the same bounds only; another gate with the same folder does too.</summary>
public sealed class ClosedSealTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("postern-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Closed_OpensForTheSameBoundsAndPurposeOnly()
    {
        var keys = new SealKeys(_folder, TimeProvider.System, NullLogger.Instance);
        var sealer = keys.For("pages");
        var closed = sealer.Close("payroll"u8, "alice"u8);

        Assert.True(sealer.TryOpen(closed, "alice"u8, out var data));
        Assert.Equal("payroll"u8, data);
        Assert.True(new SealKeys(_folder, TimeProvider.System, NullLogger.Instance).For("pages").TryOpen(closed, "alice"u8, out _));
        Assert.False(sealer.TryOpen(closed, "bob"u8, out data));
        Assert.Empty(data);
        Assert.False(keys.For("tasks").TryOpen(closed, "alice"u8, out _));
        Assert.NotEqual(closed, sealer.Close("payroll"u8, "alice"u8));
        Assert.Equal(-1, closed.AsSpan().IndexOf("payroll"u8));
    }

    [Fact]
    public void Closed_ChangedAnywhere_DoesNotOpen()
    {
        var sealer = new SealKeys(_folder, TimeProvider.System, NullLogger.Instance).For("pages");
        var closed = sealer.Close(new byte[40], "alice"u8);
        for (var bit = 0; bit < closed.Length * 8; bit++)
        {
            closed[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(sealer.TryOpen(closed, "alice"u8, out _));
            closed[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        for (var length = 0; length < closed.Length; length++)
        {
            Assert.False(sealer.TryOpen(closed.AsSpan(0, length), "alice"u8, out _));
        }
    }
}
