using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>
/// Writes a message of any type by the paths of its fields, as the catalogue writes them (<c>commands[].signal_external_workflow_execution_command_attributes.namespace</c>):
/// values that share an element of a list stand in the same one.
/// </summary>
internal static class WrittenMessage
{
    public static byte[] Of(MessageDescriptor type, params IEnumerable<(string Path, ByteString Value)> values)
    {
        using var buffer = new MemoryStream();
        using (var to = new CodedOutputStream(buffer, leaveOpen: true))
        {
            foreach (var group in values.GroupBy(value => value.Path.Split('.')[0], StringComparer.Ordinal).OrderBy(group => Field(type, group.Key).FieldNumber))
            {
                Write(to, Field(type, group.Key), group.Key, [.. group]);
            }
        }

        return buffer.ToArray();
    }

    private static FieldDescriptor Field(MessageDescriptor type, string part) =>
        type.FindFieldByName(part.Replace("[]", "", StringComparison.Ordinal)) ?? throw new ArgumentException($"{type.FullName} has no field {part}");

    private static void Write(CodedOutputStream to, FieldDescriptor field, string part, (string Path, ByteString Value)[] values)
    {
        if (field.FieldType is FieldType.Int32 or FieldType.Int64 or FieldType.Enum or FieldType.Bool)
        {
            to.WriteTag(field.FieldNumber, WireFormat.WireType.Varint);
            to.WriteInt32(int.Parse(values.Single().Value.ToStringUtf8(), CultureInfo.InvariantCulture));
            return;
        }

        to.WriteTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);
        to.WriteBytes(field.FieldType == FieldType.Message
            ? ByteString.CopyFrom(Of(field.MessageType, values.Where(value => value.Path.Length > part.Length).Select(value => (value.Path[(part.Length + 1)..], value.Value))))
            : values.Single().Value);
    }
}
