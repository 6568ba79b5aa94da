using Google.Protobuf;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>
/// A refusal in the Temporal frontend's own shape (docs/refusals.md): status code, message, and the typed detail that the server itself would send.
/// Only the message reaches every user, so text and call id stand in it; the detail is for programs.
/// </summary>
internal readonly struct TemporalRefusal
{
    private const int InvalidArgument = 3;
    private const int NotFound = 5;

    private TemporalRefusal(int status, string message, byte[]? details)
    {
        Status = status;
        Message = message;
        Details = details is null ? null : Convert.ToBase64String(details).TrimEnd('=');
    }

    /// <summary>The gRPC status code.</summary>
    public int Status { get; }

    /// <summary>The message, not yet percent-encoded.</summary>
    public string Message { get; }

    /// <summary>Value of <c>grpc-status-details-bin</c>, or null.</summary>
    public string? Details { get; }

    public static TemporalRefusal Of(Refusal refusal, string callId)
    {
        if (refusal.HiddenNamespace is { } hidden)
        {
            var missing = $"Namespace {hidden} is not found.";
            return new TemporalRefusal(NotFound, missing, RpcStatus(NotFound, missing, "NamespaceNotFoundFailure", to => WriteString(to, 1, hidden)));
        }

        var message = $"{refusal.Text} [call {callId}]";
        var status = Code(refusal);
        return new TemporalRefusal(status, message, refusal.Command != 0 ? null : refusal.Reason switch
        {
            RefusalReason.NotAllowed => RpcStatus(status, message, "PermissionDeniedFailure", to => WriteString(to, 1, "not-allowed")),
            // cause RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT = 1 or _CONCURRENT_LIMIT = 2, scope RESOURCE_EXHAUSTED_SCOPE_NAMESPACE = 1
            RefusalReason.Limited => RpcStatus(status, message, "ResourceExhaustedFailure", to => { WriteVarint(to, 1, refusal.IsOfOpen ? 2 : 1); WriteVarint(to, 2, 1); }),
            _ => null,
        });
    }

    public static int Code(Refusal refusal) => refusal.HiddenNamespace is not null ? NotFound : refusal.Command != 0 ? InvalidArgument : Code(refusal.Reason);

    public static int Code(RefusalReason reason) => reason switch
    {
        RefusalReason.Unauthenticated => 16,
        RefusalReason.NotAllowed => 7,
        RefusalReason.UnknownOperation => 12,
        RefusalReason.Unreadable => 3,
        RefusalReason.TooLarge or RefusalReason.Limited => 8,
        RefusalReason.CannotTell or RefusalReason.UpstreamUnreachable or RefusalReason.Draining => 14,
        RefusalReason.UpstreamTimeout => 4,
        _ => 13,
    };

    /// <summary>HTTP status of the same refusal where the request wasn't gRPC.</summary>
    public static int HttpCode(RefusalReason reason) => reason switch
    {
        RefusalReason.Unauthenticated => 401,
        RefusalReason.NotAllowed => 403,
        RefusalReason.UnknownOperation => 404,
        RefusalReason.Unreadable => 400,
        RefusalReason.TooLarge => 413,
        RefusalReason.Limited => 429,
        RefusalReason.CannotTell or RefusalReason.Draining => 503,
        RefusalReason.UpstreamUnreachable => 502,
        RefusalReason.UpstreamTimeout => 504,
        _ => 500,
    };

    /// <summary>Percent-encodes what a header can't carry (gRPC over HTTP/2, Status-Message).</summary>
    public static string PercentEncode(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~') && !text.Contains('%'))
        {
            return text;
        }

        var encoded = new System.Text.StringBuilder(text.Length + 32);
        foreach (var b in System.Text.Encoding.UTF8.GetBytes(text))
        {
            if (b is >= 0x20 and <= 0x7E and not (byte)'%')
            {
                encoded.Append((char)b);
            }
            else
            {
                encoded.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
            }
        }

        return encoded.ToString();
    }

    private static byte[] RpcStatus(int code, string message, string failure, Action<CodedOutputStream> writeFailure)
    {
        var any = Encode(to =>
        {
            WriteString(to, 1, "type.googleapis.com/temporal.api.errordetails.v1." + failure);
            WriteBytes(to, 2, Encode(writeFailure));
        });
        return Encode(to =>
        {
            WriteVarint(to, 1, code);
            WriteString(to, 2, message);
            WriteBytes(to, 3, any);
        });
    }

    private static byte[] Encode(Action<CodedOutputStream> write)
    {
        using var buffer = new MemoryStream();
        using (var to = new CodedOutputStream(buffer, leaveOpen: true))
        {
            write(to);
        }

        return buffer.ToArray();
    }

    private static void WriteVarint(CodedOutputStream to, int field, int value)
    {
        to.WriteTag(field, WireFormat.WireType.Varint);
        to.WriteInt32(value);
    }

    private static void WriteString(CodedOutputStream to, int field, string value)
    {
        to.WriteTag(field, WireFormat.WireType.LengthDelimited);
        to.WriteString(value);
    }

    private static void WriteBytes(CodedOutputStream to, int field, byte[] value)
    {
        to.WriteTag(field, WireFormat.WireType.LengthDelimited);
        to.WriteBytes(ByteString.CopyFrom(value));
    }
}
