using Google.Protobuf;
using Google.Protobuf.Reflection;
using Postern.Engines.Temporal;
using Postern.Model;
using Temporalio.Api.Common.V1;

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

        // Every other message has its assertion, a third no name: the two stamps stand in one suffix, and neither may lean on the other.
        var (caller, token) = (seed % 3 == 0 ? null : "alice", seed % 2 == 0 ? "e.y.z" : null);
        var stampedBytes = Stamped.Of(stamp, bytes, caller, token);
        foreach (var path in method.Fields.Where(f => f.Role == TemporalRole.Identity).Except(CallerStamp.WithoutRule(method.Row, method.Fields)).Where(_ => caller is not null))
        {
            Set(expected, path.Path.Split('.'), SetName);
        }

        foreach (var path in method.Fields.Where(f => f.Role == TemporalRole.Header).Except(CallerStamp.WithoutAssertion(method.Row, method.Fields)).Where(_ => token is not null))
        {
            Set(expected, path.Path.Split('.'), SetAssertion);
        }

        Assert.True(expected.Equals(ParserCheck.Parse(method, stampedBytes)), $"{method.Name}, seed {seed}: {Convert.ToHexString(bytes)} became {Convert.ToHexString(stampedBytes)}");
        return stampedBytes.Length > bytes.Length;
    }

    private static void SetName(IMessage message, FieldDescriptor field)
    {
        var own = (string)field.Accessor.GetValue(message);
        Span<byte> text = stackalloc byte[IdentityText.MaxLength];
        field.Accessor.SetValue(message, System.Text.Encoding.UTF8.GetString(text[..IdentityText.Write("alice", System.Text.Encoding.UTF8.GetBytes(own), text)]));
    }

    private static void SetAssertion(IMessage message, FieldDescriptor field)
    {
        var header = (Header?)field.Accessor.GetValue(message) ?? new Header();
        header.Fields[CallerAssertion.HeaderKey] = new Payload { Metadata = { ["encoding"] = ByteString.CopyFromUtf8("json/plain") }, Data = ByteString.CopyFromUtf8("\"e.y.z\"") };
        field.Accessor.SetValue(message, header);
    }

    // True where the stamp has a place: always, but within a oneof only where that member is set.
    private static bool Set(IMessage message, ReadOnlySpan<string> path, Action<IMessage, FieldDescriptor> set)
    {
        var field = message.Descriptor.FindFieldByName(path[0].Replace("[]", "", StringComparison.Ordinal));
        if (path.Length == 1)
        {
            set(message, field);
            return true;
        }

        if (field.IsRepeated)
        {
            var any = false;
            foreach (IMessage element in (System.Collections.IList)field.Accessor.GetValue(message))
            {
                any |= Set(element, path[1..], set);
            }

            return any;
        }

        if (field.Accessor.GetValue(message) is IMessage nested)
        {
            return Set(nested, path[1..], set);
        }

        nested = field.MessageType.Parser.ParseFrom(ByteString.Empty);
        if (field.RealContainingOneof is not null || !Set(nested, path[1..], set))
        {
            return false;
        }

        field.Accessor.SetValue(message, nested);
        return true;
    }
}
