using FsCheck;
using FsCheck.Fluent;
using Postern.Configuration;

namespace Postern.Tests.Configuration;

public sealed class ScalarTextTests
{
    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("75s", 75_000)]
    [InlineData("10m", 600_000)]
    [InlineData("24h", 86_400_000)]
    [InlineData("1d", 86_400_000)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("1d2h3m4s5ms", 93_784_005)]
    [InlineData("0", 0)]
    [InlineData("0s", 0)]
    public void TryReadDuration_WithUnits_IsRead(string text, long milliseconds)
    {
        Assert.True(ScalarText.TryReadDuration(text, out var duration));
        Assert.Equal(milliseconds, duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("m")]
    [InlineData("-5s")]
    [InlineData("1.5h")]
    [InlineData("5 s")]
    [InlineData("5S")]
    [InlineData("30m1h")]
    [InlineData("1h1h")]
    [InlineData("1w")]
    [InlineData("00:05:00")]
    [InlineData("99999999999d")]
    [InlineData("9999999999d")]
    [InlineData("١s")]
    public void TryReadDuration_AnythingElse_IsRefused(string text) => Assert.False(ScalarText.TryReadDuration(text, out _));

    [Theory]
    [InlineData("0", 0)]
    [InlineData("512B", 512)]
    [InlineData("64KiB", 65_536)]
    [InlineData("4MiB", 4_194_304)]
    [InlineData("1GiB", 1_073_741_824)]
    public void TryReadSize_WithUnit_IsRead(string text, long bytes)
    {
        Assert.True(ScalarText.TryReadSize(text, out var size));
        Assert.Equal(bytes, size.Bytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("4194304")]
    [InlineData("4MB")]
    [InlineData("4mib")]
    [InlineData("-1B")]
    [InlineData("1.5MiB")]
    [InlineData("B")]
    [InlineData(" 1B")]
    [InlineData("9223372036854775807GiB")]
    public void TryReadSize_AnythingElse_IsRefused(string text) => Assert.False(ScalarText.TryReadSize(text, out _));

    [Fact]
    public void Write_AnyDuration_ReadsBack() =>
        Prop.ForAll<uint>(seconds => ScalarText.TryReadDuration(ScalarText.Write(TimeSpan.FromSeconds(seconds))!, out var read) && read == TimeSpan.FromSeconds(seconds))
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Write_AnySize_ReadsBack() =>
        Prop.ForAll<uint>(bytes => ScalarText.TryReadSize(ScalarText.Write(new ByteSize(bytes))!, out var read) && read.Bytes == bytes).QuickCheckThrowOnFailure();

    [Fact]
    public void TryReadDuration_AnyText_NeverThrows() =>
        Prop.ForAll<NonNull<string>>(text =>
        {
            _ = ScalarText.TryReadDuration(text.Get, out _);
            return !ScalarText.TryReadSize(text.Get, out var size) || size.Bytes >= 0;
        }).QuickCheckThrowOnFailure();
}
