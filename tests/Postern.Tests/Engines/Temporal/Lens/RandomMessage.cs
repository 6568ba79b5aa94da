using System.Text;
using Google.Protobuf.Reflection;

namespace Postern.Tests.Engines.Temporal.Lens;

/// <summary>
/// Writes messages that follow a descriptor the way an adversary would: any order, fields twice, messages in pieces, every member of a oneof, unknown fields, groups, wrong wire types, over-long varints.
/// </summary>
internal sealed class RandomMessage(Random random)
{
    private static readonly string[] s_words = ["", "a", "payments", "payroll", "ünï", "x y", "temporal-sys-q", "q/1", "\u0000"];

    /// <summary>A message of the type; most of its fields, seldom nothing.</summary>
    public byte[] Write(MessageDescriptor message, int depth = 0)
    {
        var to = new MemoryStream();
        var fields = message.Fields.InFieldNumberOrder().ToArray();
        var count = random.Next(depth == 0 ? 12 : 6);
        for (var i = 0; i < count && fields.Length > 0; i++)
        {
            // The first fields are the interesting ones often enough: names and nested messages.
            var field = fields[random.Next(random.Next(3) == 0 ? fields.Length : Math.Min(fields.Length, 6))];
            switch (random.Next(20))
            {
                case 0:
                    WriteUnknown(to, 1 + random.Next(2000), depth);
                    break;
                case 1:
                    WriteUnknown(to, field.FieldNumber, depth);
                    break;
                default:
                    WriteField(to, field, depth);
                    break;
            }
        }

        return to.ToArray();
    }

    /// <summary>The bytes with a few changed, lost, doubled or inserted.</summary>
    public byte[] Mutate(byte[] bytes)
    {
        var list = bytes.ToList();
        for (var i = random.Next(1, 4); i > 0; i--)
        {
            var at = random.Next(list.Count + 1);
            switch (random.Next(6))
            {
                case 0 when at < list.Count:
                    list[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at < list.Count:
                    list[at] = (byte)random.Next(256);
                    break;
                case 2 when at < list.Count:
                    list.RemoveRange(at, Math.Min(random.Next(1, 4), list.Count - at));
                    break;
                case 3:
                    list.Insert(at, (byte)random.Next(256));
                    break;
                case 4 when at < list.Count:
                    list.InsertRange(random.Next(list.Count), list.GetRange(at, Math.Min(random.Next(1, 30), list.Count - at)));
                    break;
                default:
                    list.RemoveRange(at, list.Count - at);
                    break;
            }
        }

        return [.. list];
    }

    private void WriteField(MemoryStream to, FieldDescriptor field, int depth)
    {
        switch (field.FieldType)
        {
            case FieldType.String:
                WriteBytes(to, field.FieldNumber, random.Next(60) == 0 ? [0xFF, 0x41] : Encoding.UTF8.GetBytes(s_words[random.Next(s_words.Length)]));
                break;
            case FieldType.Bytes:
                WriteBytes(to, field.FieldNumber, new byte[random.Next(5)]);
                break;
            case FieldType.Message:
                WriteBytes(to, field.FieldNumber, depth > 6 ? [] : Write(field.MessageType, depth + 1));
                break;
            case FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32:
                WriteFixed(to, field.FieldNumber, 5, 4);
                break;
            case FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64:
                WriteFixed(to, field.FieldNumber, 1, 8);
                break;
            default:
                WriteVarint(to, (uint)(field.FieldNumber << 3));
                WriteVarint(to, random.Next(8) == 0 ? ulong.MaxValue - (ulong)random.Next(9) : (ulong)random.Next(7), mayBeLong: true);
                break;
        }
    }

    private void WriteUnknown(MemoryStream to, int number, int depth)
    {
        switch (random.Next(5))
        {
            case 0:
                WriteVarint(to, (uint)(number << 3));
                WriteVarint(to, (ulong)random.NextInt64(), mayBeLong: true);
                break;
            case 1:
                WriteFixed(to, number, 1, 8);
                break;
            case 2:
                WriteBytes(to, number, new byte[random.Next(4)]);
                break;
            case 3:
                WriteFixed(to, number, 5, 4);
                break;
            default:
                WriteVarint(to, (uint)((number << 3) | 3));
                for (var i = depth > 6 ? 0 : random.Next(3); i > 0; i--)
                {
                    WriteUnknown(to, 1 + random.Next(40), depth + 1);
                }

                WriteVarint(to, (uint)((number << 3) | 4));
                break;
        }
    }

    private void WriteBytes(MemoryStream to, int number, byte[] bytes)
    {
        WriteVarint(to, (uint)((number << 3) | 2));
        WriteVarint(to, (uint)bytes.Length);
        to.Write(bytes);
    }

    private void WriteFixed(MemoryStream to, int number, int type, int size)
    {
        WriteVarint(to, (uint)((number << 3) | type));
        to.Write(new byte[size]);
    }

    private void WriteVarint(MemoryStream to, ulong value, bool mayBeLong = true)
    {
        while (value >= 0x80)
        {
            to.WriteByte((byte)(value | 0x80));
            value >>= 7;
        }

        var padding = mayBeLong && random.Next(50) == 0 ? random.Next(1, 4) : 0;
        if (padding == 0)
        {
            to.WriteByte((byte)value);
            return;
        }

        to.WriteByte((byte)(value | 0x80));
        for (; padding > 1; padding--)
        {
            to.WriteByte(0x80);
        }

        to.WriteByte(0);
    }
}
