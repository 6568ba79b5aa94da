using System.Collections;
using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Postern.Engines.Temporal;
using Postern.Engines.Temporal.Lens;

namespace Postern.Tests.Engines.Temporal.Lens;

/// <summary>Compares what the lens reads with what Google.Protobuf parses, value by value.</summary>
internal static class ParserCheck
{
    private static readonly Dictionary<string, MessageParser> s_parsers = new FileDescriptor[]
    {
        Temporalio.Api.WorkflowService.V1.RequestResponseReflection.Descriptor, Temporalio.Api.OperatorService.V1.RequestResponseReflection.Descriptor,
    }.SelectMany(f => f.MessageTypes).ToDictionary(m => m.FullName, m => m.Parser, StringComparer.Ordinal);

    public static TemporalCatalogue Catalogue { get; } = TemporalCatalogue.Load(null);

    public static TemporalMethod Method(string name) => Catalogue.Methods.Single(m => string.Equals(m.Name, name, StringComparison.Ordinal));

    /// <summary>The message as Google.Protobuf reads it; null where it refuses.</summary>
    public static IMessage? Parse(TemporalMethod method, byte[] bytes)
    {
        try
        {
            return s_parsers[method.Request.FullName].ParseFrom(bytes);
        }
        catch (Exception problem) when (problem is InvalidProtocolBufferException or InvalidOperationException)
        {
            // The second is how its reader of wrapper messages says that the input ended.
            return null;
        }
    }

    /// <summary>What differs, as one line; null where lens and parser agree or one of them refuses.</summary>
    public static string? Difference(TemporalMethod method, byte[] bytes, out bool isRead)
    {
        using var lens = MessageLens.Read(method.Lens, bytes);
        isRead = lens.Fault is null;
        return isRead && Parse(method, bytes) is { } parsed ? Difference(in lens, method.Lens, 0, parsed) : null;
    }

    private static string? Difference(in MessageLens lens, LensNode node, int frame, IMessage message)
    {
        foreach (var field in node.Fields)
        {
            if (field.Kind == LensKind.Rival)
            {
                continue;
            }

            var value = message.Descriptor.FindFieldByNumber(field.Number).Accessor.GetValue(message);
            var difference = field.Kind switch
            {
                LensKind.Text => Compare(lens.Text(frame, field.Slot) ?? "", (string)value),
                LensKind.Number => Compare(Number(in lens, frame, field.Slot, value), Convert.ToInt64(value, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture)),
                LensKind.Message => Compare(lens.Has(frame, field.Slot) ? "set" : "absent", value is null ? "absent" : "set") ?? (value is null ? null : Difference(in lens, field.Node!, frame, (IMessage)value)),
                LensKind.TextList => Compare(string.Join('|', Texts(in lens, frame, field.Slot)), string.Join('|', (IEnumerable<string>)value)),
                LensKind.Bytes => Compare(Convert.ToHexString(lens.Bytes(frame, field.Slot)), Convert.ToHexString(((Google.Protobuf.ByteString)value).Span)),
                _ when value is IDictionary map => Map(in lens, field, frame, map),
                _ => List(in lens, field, frame, (IList)value),
            };
            if (difference is not null)
            {
                return $"{field.Name}: {difference}";
            }
        }

        return null;
    }

    private static string? List(in MessageLens lens, LensField field, int frame, IList elements)
    {
        // Neither side can tell an element that carries only defaults from one that the lens left out.
        var parsed = elements.Cast<IMessage>().Where(e => field.Node!.FrameSize == 0 || !IsDefault(field.Node!, e)).ToList();
        var at = 0;
        for (var element = lens.FirstOf(frame, field.Slot); element != 0; element = lens.NextOf(element))
        {
            if (field.Node!.FrameSize > 0 && IsDefault(in lens, field.Node, element))
            {
                continue;
            }

            if (at == parsed.Count)
            {
                return "more elements than parsed";
            }

            if (Difference(in lens, field.Node, element, parsed[at++]) is { } difference)
            {
                return $"[{at - 1}] {difference}";
            }
        }

        return at == parsed.Count ? null : $"{at} elements, parsed {parsed.Count}";
    }

    // Of plain values the last entry with a key counts, on both sides.
    private static string? Entries(in MessageLens lens, LensField field, int frame, IDictionary map)
    {
        var (key, value) = (field.Node!.SlotOf("key"), field.Node!.SlotOf("value"));
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var element = lens.FirstOf(frame, field.Slot); element != 0; element = lens.NextOf(element))
        {
            read[lens.Text(element, key) ?? ""] = Convert.ToHexString(lens.Bytes(element, value));
        }

        foreach (DictionaryEntry entry in map)
        {
            var bytes = Convert.ToHexString((entry.Value as ByteString ?? ByteString.CopyFromUtf8((string)entry.Value!)).Span);
            // An entry that says nothing is left out, and with it that it empties the one without a key before it.
            var isLeftOut = bytes.Length == 0 && ((string)entry.Key).Length == 0;
            if (!isLeftOut && read.GetValueOrDefault((string)entry.Key, "") is var other && !string.Equals(other, bytes, StringComparison.Ordinal))
            {
                return $"entry '{entry.Key}': {other}, parsed {bytes}";
            }
        }

        return null;
    }

    // The lens keeps every entry that was sent, also one whose key comes again, and merges what an entry says twice, as the server's parser does where this one
    // takes the last: what is judged may be more than what counts, never less.
    private static string? Map(in MessageLens lens, LensField field, int frame, IDictionary map)
    {
        if (field.Node!.At("value") is null)
        {
            // Read by its keys alone.
            return map.Keys.Cast<string>().Except(Keys(in lens, field, frame), StringComparer.Ordinal).Select(key => $"no entry with the key '{key}'").FirstOrDefault();
        }

        var value = field.Node!.Fields.Single(f => f.Name is "value");
        if (value.Kind is LensKind.Bytes or LensKind.Text)
        {
            return Entries(in lens, field, frame, map);
        }

        foreach (var parsed in map.Values.Cast<IMessage>())
        {
            var isFound = IsDefault(value.Node!, parsed);
            for (var element = lens.FirstOf(frame, field.Slot); element != 0 && !isFound; element = lens.NextOf(element))
            {
                isFound = Holds(in lens, value.Node!, element, parsed);
            }

            if (!isFound)
            {
                return $"no entry holds {parsed}";
            }
        }

        return null;
    }

    private static List<string> Keys(in MessageLens lens, LensField field, int frame)
    {
        // An entry without a key has the empty one; where the lens left such an element out, it is there too.
        var keys = new List<string> { "" };
        for (var element = lens.FirstOf(frame, field.Slot); element != 0; element = lens.NextOf(element))
        {
            keys.Add(lens.Text(element, field.Node!.SlotOf("key")) ?? "");
        }

        return keys;
    }

    private static bool Holds(in MessageLens lens, LensNode node, int frame, IMessage message)
    {
        foreach (var field in node.Fields.Where(f => f.Kind != LensKind.Rival))
        {
            var holds = message.Descriptor.FindFieldByNumber(field.Number).Accessor.GetValue(message) switch
            {
                null or "" => true,
                string text => string.Equals(lens.Text(frame, field.Slot), text, StringComparison.Ordinal),
                IMessage inner => Holds(in lens, field.Node!, frame, inner),
                var other => throw new NotSupportedException($"{field.Name} in a map: {other.GetType()}"),
            };
            if (!holds)
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsDefault(LensNode node, IMessage message) => node.Fields.Where(f => f.Kind != LensKind.Rival).All(f =>
        message.Descriptor.FindFieldByNumber(f.Number).Accessor.GetValue(message) switch
        {
            null => true,
            string text => text.Length == 0,
            IList list => list.Count == 0,
            IDictionary map => map.Count == 0,
            IMessage => false,
            var number => Convert.ToInt64(number, CultureInfo.InvariantCulture) == 0,
        });

    private static bool IsDefault(in MessageLens lens, LensNode node, int frame)
    {
        foreach (var field in node.Fields)
        {
            var isDefault = field.Kind switch
            {
                LensKind.Rival => true,
                LensKind.Text => lens.Bytes(frame, field.Slot).IsEmpty,
                LensKind.Number => lens.Enum(frame, field.Slot) == 0 && lens.Number(frame, field.Slot) == 0,
                _ => !lens.Has(frame, field.Slot),
            };
            if (!isDefault)
            {
                return false;
            }
        }

        return true;
    }

    private static string Number(in MessageLens lens, int frame, int slot, object value) => value switch
    {
        bool => lens.Number(frame, slot) == 0 ? "0" : "1",
        _ => lens.Enum(frame, slot).ToString(CultureInfo.InvariantCulture),
    };

    private static List<string> Texts(in MessageLens lens, int frame, int slot)
    {
        var texts = new List<string>();
        for (var element = lens.FirstOf(frame, slot); element != 0; element = lens.NextOf(element))
        {
            texts.Add(lens.Text(element, 0) ?? "");
        }

        return texts;
    }

    private static string? Compare(string read, string parsed) => string.Equals(read, parsed, StringComparison.Ordinal) ? null : $"read '{read}', parsed '{parsed}'";
}
