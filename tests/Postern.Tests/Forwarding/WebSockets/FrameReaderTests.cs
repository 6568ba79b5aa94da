using System.Text;
using Postern.Forwarding.WebSockets;

namespace Postern.Tests.Forwarding.WebSockets;

public sealed class FrameReaderTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    public async Task Read_Message_OfAnyLength_IsThatMessage(int length)
    {
        var payload = new byte[length];
        new Random(length).NextBytes(payload);

        var read = await ReadAsync(WrittenFrames.Of(Opcode.Binary, payload));

        Assert.Equal([$"Binary 0 {Convert.ToHexString(payload)}", "Ended"], read);
    }

    [Fact]
    public async Task Read_MessageInParts_WithControlFramesBetween_IsOneMessageBehindThem()
    {
        var read = await ReadAsync(
            WrittenFrames.Text("ab", final: false), WrittenFrames.Of(Opcode.Ping, "p"u8), WrittenFrames.Of(Opcode.Continuation, "c"u8, final: false),
            WrittenFrames.Of(Opcode.Pong, ""u8), WrittenFrames.Of(Opcode.Continuation, "d"u8), WrittenFrames.Text("e"));

        Assert.Equal(["Ping 0 70", "Pong 0 ", "Text 0 61626364", "Text 0 65", "Ended"], read);
    }

    [Fact]
    public async Task Read_Utf8_SplitBetweenParts_IsText()
    {
        var euro = Encoding.UTF8.GetBytes("€");

        var read = await ReadAsync(WrittenFrames.Of(Opcode.Text, euro.AsSpan(0, 1), final: false), WrittenFrames.Of(Opcode.Continuation, euro.AsSpan(1)));

        Assert.Equal(["Text 0 E282AC", "Ended"], read);
    }

    [Theory]
    [InlineData("03E8", 1000)]
    [InlineData("03E9676F696E672061776179", 1001)]
    [InlineData("03F0496E76616C696420746F6B656E", 1008)]
    [InlineData("03F4", 1012)]
    [InlineData("0FA1", 4001)]
    public async Task Read_Close_HasItsCode(string payload, int code) =>
        Assert.Equal([$"Close {code} {payload}", "Ended"], await ReadAsync(WrittenFrames.Of(Opcode.Close, Convert.FromHexString(payload))));

    [Fact]
    public async Task Read_CloseWithoutCode_HasNone() => Assert.Equal(["Close 0 ", "Ended"], await ReadAsync(WrittenFrames.Of(Opcode.Close, ""u8)));

    public static TheoryData<string, string, int> Faults() => new()
    {
        { "first reserved bit", Convert.ToHexString(WrittenFrames.Of(Opcode.Text, "a"u8, reserved: 0x40)), 1002 },
        { "second reserved bit", Convert.ToHexString(WrittenFrames.Of(Opcode.Text, "a"u8, reserved: 0x20)), 1002 },
        { "third reserved bit", Convert.ToHexString(WrittenFrames.Of(Opcode.Text, "a"u8, reserved: 0x10)), 1002 },
        { "unknown data opcode", Convert.ToHexString(WrittenFrames.Of((Opcode)3, "a"u8)), 1002 },
        { "unknown control opcode", Convert.ToHexString(WrittenFrames.Of((Opcode)11, "a"u8)), 1002 },
        { "not masked", Convert.ToHexString(WrittenFrames.Of(Opcode.Text, "a"u8, masked: false)), 1002 },
        { "fragmented ping", Convert.ToHexString(WrittenFrames.Of(Opcode.Ping, "a"u8, final: false)), 1002 },
        { "long ping", Convert.ToHexString(WrittenFrames.Of(Opcode.Ping, new byte[126])), 1002 },
        { "continuation of nothing", Convert.ToHexString(WrittenFrames.Of(Opcode.Continuation, "a"u8)), 1002 },
        { "message within a message", Convert.ToHexString([.. WrittenFrames.Text("a", final: false), .. WrittenFrames.Text("b")]), 1002 },
        { "two bytes for a short length", "81FE0005" + "00000000" + "6162636465", 1002 },
        { "eight bytes for a short length", "81FF0000000000000005" + "00000000" + "6162636465", 1002 },
        { "negative length", "81FFFFFFFFFFFFFFFFFF" + "00000000", 1002 },
        { "longer than may be", "82FF0000000000200000" + "00000000", 1009 },
        { "not UTF-8", Convert.ToHexString(WrittenFrames.Of(Opcode.Text, [0xC3, 0x28])), 1007 },
        { "surrogate in UTF-8", Convert.ToHexString(WrittenFrames.Of(Opcode.Text, [0xED, 0xA0, 0x80])), 1007 },
        { "UTF-8 that ends early", Convert.ToHexString([.. WrittenFrames.Of(Opcode.Text, [0xE2], final: false), .. WrittenFrames.Of(Opcode.Continuation, [0x82])]), 1007 },
        { "close of one byte", Convert.ToHexString(WrittenFrames.Of(Opcode.Close, [3])), 1002 },
        { "close 999", Convert.ToHexString(WrittenFrames.Of(Opcode.Close, [0x03, 0xE7])), 1002 },
        { "close 1005", Convert.ToHexString(WrittenFrames.Of(Opcode.Close, [0x03, 0xED])), 1002 },
        { "close 1006", Convert.ToHexString(WrittenFrames.Of(Opcode.Close, [0x03, 0xEE])), 1002 },
        { "close 5000", Convert.ToHexString(WrittenFrames.Of(Opcode.Close, [0x13, 0x88])), 1002 },
        { "close whose reason isn't UTF-8", Convert.ToHexString(WrittenFrames.Of(Opcode.Close, [0x03, 0xE8, 0xFF])), 1007 },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Read_Fault_EndsIt(string what, string bytes, int code)
    {
        var read = await ReadAsync(Convert.FromHexString(bytes), WrittenFrames.Text("behind"));

        Assert.True(read is [var only] && only == $"Fault {code}", $"{what}: {string.Join(", ", read)}");
    }

    [Fact]
    public async Task Read_MaskedFrameOfAServer_IsAFault() =>
        Assert.Equal(["Fault 1002"], await WrittenFrames.ReadAllAsync(new MemoryStream(WrittenFrames.Text("a")), masked: false));

    [Fact]
    public async Task Read_BehindAFault_IsTheFaultAgain()
    {
        using var reader = new FrameReader(new MemoryStream([.. WrittenFrames.Of((Opcode)3, ""u8), .. WrittenFrames.Text("b")]), masked: true, 100);

        Assert.Equal(MessageKind.Fault, (await reader.ReadAsync(Cancellation)).Kind);
        Assert.Equal(MessageKind.Fault, (await reader.ReadAsync(Cancellation)).Kind);
    }

    [Fact]
    public async Task Read_PartsThatAreTooLongTogether_AreAFault()
    {
        byte[] bytes = [.. WrittenFrames.Of(Opcode.Binary, new byte[60], final: false), .. WrittenFrames.Of(Opcode.Continuation, new byte[41])];

        Assert.Equal(["Fault 1009"], await WrittenFrames.ReadAllAsync(new MemoryStream(bytes), limit: 100));
    }

    [Fact]
    public async Task Read_EndWithinAFrame_IsTheEnd() => Assert.Equal(["Ended"], await ReadAsync(WrittenFrames.Text("abc")[..^1]));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Read_AnySplitOfTheBytes_GivesTheSame(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 200; round++)
        {
            var bytes = Generated(random);
            var whole = await WrittenFrames.ReadAllAsync(new MemoryStream(bytes), limit: 100_000);
            var size = random.Next(1, 40);

            var split = await WrittenFrames.ReadAllAsync(new ChunkedStream(bytes, () => random.Next(1, size + 1)), limit: 100_000);

            Assert.Equal(whole, split);
        }
    }

    [Fact]
    public async Task Unread_BehindAMessage_IsTheRestAsItCame()
    {
        byte[] rest = [.. WrittenFrames.Text("second"), .. WrittenFrames.Text("third")[..5]];
        using var reader = new FrameReader(new MemoryStream([.. WrittenFrames.Text("first"), .. rest]), masked: true, 100);

        await reader.ReadAsync(Cancellation);

        Assert.Equal(rest, reader.Unread.ToArray());
    }

    [Fact]
    public async Task Read_WhileNothingArrives_AsksWithoutABuffer()
    {
        var stream = new ChunkedStream([.. WrittenFrames.Text("a"), .. WrittenFrames.Text("b")], () => WrittenFrames.Text("a").Length);

        await WrittenFrames.ReadAllAsync(stream);

        Assert.Equal([0, 4096, 0, 4096, 0, 4096], stream.ReadSizes);
    }

    private static Task<List<string>> ReadAsync(params byte[][] frames) => WrittenFrames.ReadAllAsync(new MemoryStream([.. frames.SelectMany(f => f)]));

    private static byte[] Generated(Random random)
    {
        var bytes = new List<byte>();
        var inParts = false;
        for (var i = random.Next(1, 12); i > 0; i--)
        {
            var payload = new byte[random.Next(8) == 0 ? random.Next(60_000, 70_000) : random.Next(0, 300)];
            payload.AsSpan().Fill((byte)random.Next('a', 'z'));
            if (random.Next(4) == 0)
            {
                bytes.AddRange(WrittenFrames.Of(random.Next(2) == 0 ? Opcode.Ping : Opcode.Pong, payload.AsSpan(0, Math.Min(payload.Length, 125))));
                continue;
            }

            var final = random.Next(2) == 0;
            bytes.AddRange(WrittenFrames.Of(inParts ? Opcode.Continuation : random.Next(2) == 0 ? Opcode.Text : Opcode.Binary, payload, final: final));
            inParts = !final;
        }

        if (random.Next(3) == 0)
        {
            // Now and then something is wrong with it.
            bytes[random.Next(bytes.Count)] ^= (byte)(1 << random.Next(8));
        }

        return [.. bytes];
    }
}
