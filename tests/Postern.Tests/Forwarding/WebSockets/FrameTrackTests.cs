using Postern.Forwarding.WebSockets;

namespace Postern.Tests.Forwarding.WebSockets;

public sealed class FrameTrackTests
{
    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    public void Advance_InAnyPieces_KnowsWhereFramesEnd(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 300; round++)
        {
            var bytes = new List<byte>();
            var ends = new HashSet<int> { 0 };
            var messages = 0;
            for (var i = 0; i < 8; i++)
            {
                var control = random.Next(3) == 0;
                var final = control || random.Next(2) == 0;
                var length = control ? random.Next(0, 126) : random.Next(6) == 0 ? random.Next(65_500, 65_600) : random.Next(0, 200);
                bytes.AddRange(WrittenFrames.Of(control ? Opcode.Ping : Opcode.Binary, new byte[length], masked: random.Next(2) == 0, final));
                ends.Add(bytes.Count);
                messages += final && !control ? 1 : 0;
            }

            var track = new FrameTrack();
            var all = bytes.ToArray();
            for (var at = 0; at < all.Length;)
            {
                var piece = Math.Min(random.Next(1, 40), all.Length - at);
                piece = random.Next(4) == 0 ? Math.Min(random.Next(1, 30_000), all.Length - at) : piece;
                track.Advance(all.AsSpan(at, piece));
                at += piece;
                Assert.Equal(ends.Contains(at), track.AtBoundary);
            }

            Assert.Equal((messages, (long)all.Length, false), (track.Messages, track.Bytes, track.HasClosed));
        }
    }

    [Fact]
    public void Advance_PastAClose_SaysSo()
    {
        var track = new FrameTrack();

        track.Advance(WrittenFrames.Of(Opcode.Close, [0x03, 0xE8]));

        Assert.True(track.HasClosed);
    }

    [Fact]
    public void Advance_WhatIsNoFrame_IsNeverBetweenFramesAgain()
    {
        var track = new FrameTrack();

        track.Advance([0xFF, 0xFF, 0xFF]);
        track.Advance(WrittenFrames.Text("a"));

        Assert.True(track.IsLost);
        Assert.False(track.AtBoundary);
    }
}
