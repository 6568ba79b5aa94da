using System.Buffers;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Postern.Engines.Temporal;

namespace Postern.Tests.Engines.Temporal.Lens;

public sealed class MessageLensPropertyTests
{
    [Fact]
    public void Read_RandomMessagesOfEveryMethod_AgreesWithTheParserOrRefuses() => Run(20_000);

    [Fact]
    [Trait("Length", "long")]
    public void Read_AMillionRandomMessages_AgreesWithTheParserOrRefuses() => Run(1_000_000);

    private static void Run(int cases)
    {
        var methods = ParserCheck.Catalogue.Methods;
        var (read, stamped) = (0, 0);
        for (var seed = 0; seed < cases; seed++)
        {
            var method = methods[seed % methods.Count];
            var random = new Random(seed);
            var source = new RandomMessage(random);
            var bytes = source.Write(method.Request);
            if (random.Next(3) == 0)
            {
                bytes = source.Mutate(bytes);
            }

            var difference = ParserCheck.Difference(method, bytes, out var isRead);
            Assert.True(difference is null, $"{method.Name}, seed {seed}: {difference}: {Convert.ToHexString(bytes)}");
            read += isRead ? 1 : 0;
            stamped += isRead && CheckStamp(method, bytes, seed) ? 1 : 0;
        }

        Assert.InRange(read, cases / 3, cases);
        Assert.InRange(stamped, cases / 10, cases);
    }

    private static bool CheckStamp(TemporalMethod method, byte[] bytes, int seed)
    {
        if (method.Stamp is not { } stamp || ParserCheck.Parse(method, bytes) is not { } expected)
        {
            return false;
        }

        var output = new ArrayBufferWriter<byte>();
        var isStamped = stamp.TryStamp(bytes, "alice", output);
        var fields = stamp.Fields.Count(path => SetIdentity(expected, path.Split('.')));
        Assert.True(isStamped == fields > 0, $"{method.Name}, seed {seed}");
        if (!isStamped)
        {
            Assert.Equal(0, method.Stamp.OnlyAppends ? output.WrittenCount : 0);
            return false;
        }

        Assert.True(expected.Equals(ParserCheck.Parse(method, output.WrittenSpan.ToArray())), $"{method.Name}, seed {seed}: {Convert.ToHexString(bytes)} became {Convert.ToHexString(output.WrittenSpan)}");
        return true;
    }

    // True where the stamp has a place: always, but within a oneof only where that member is set.
    private static bool SetIdentity(IMessage message, ReadOnlySpan<string> path)
    {
        var name = path[0].Replace("[]", "", StringComparison.Ordinal);
        var field = message.Descriptor.FindFieldByName(name);
        if (path.Length == 1)
        {
            var own = (string)field.Accessor.GetValue(message);
            Span<byte> text = stackalloc byte[IdentityText.MaxLength];
            field.Accessor.SetValue(message, System.Text.Encoding.UTF8.GetString(text[..IdentityText.Write("alice", System.Text.Encoding.UTF8.GetBytes(own), text)]));
            return true;
        }

        if (field.IsRepeated)
        {
            var any = false;
            foreach (IMessage element in (System.Collections.IList)field.Accessor.GetValue(message))
            {
                any |= SetIdentity(element, path[1..]);
            }

            return any;
        }

        if (field.Accessor.GetValue(message) is not IMessage nested)
        {
            if (field.RealContainingOneof is not null)
            {
                return false;
            }

            nested = field.MessageType.Parser.ParseFrom(ByteString.Empty);
            field.Accessor.SetValue(message, nested);
        }

        return SetIdentity(nested, path[1..]);
    }
}
