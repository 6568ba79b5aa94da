using System.Buffers;
using System.Buffers.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;
using Postern.Model;

namespace Postern.Tokens;

/// <summary>
/// Signs who made a call, for workflow and worker to read: one token per call, bound to its namespace and workflow. It says nothing that any server would take for a permission, and is signed with a
/// key that no server knows.
/// </summary>
/// <remarks>
/// No two calls share a token, so each pays for one: it is put together in place, its head once per key, and beside the signature nothing of it costs much.
/// </remarks>
internal sealed class CallerAssertions(SigningKeys keys, string engine, TimeSpan lifetime)
{
    // Names of callers and workflows are short; a buffer that one call made huge isn't kept for the next.
    private const int MostKept = 16 * 1024;

    // A schedule starts workflows for as long as it stands; its key is published no longer than this.
    private static readonly TimeSpan s_ofSchedules = SigningKeyTimes.OfAssertions.KeepAfter;

    // Within a token nothing is read by a browser, and escapes would only make it longer.
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? s_claims;

    [ThreadStatic]
    private static Utf8JsonWriter? s_writer;

    [ThreadStatic]
    private static byte[]? s_token;

    private readonly string _issuer = "postern/" + engine;
    private Head? _head;

    /// <summary>The token, in the compact form of a JWT: ASCII. It stands in a buffer of the thread's and is good until the thread signs the next.</summary>
    public ReadOnlySpan<byte> Sign(Caller caller, in AssertedCall call, string callId, DateTimeOffset now)
    {
        var key = keys.Current;
        var head = HeadOf(key);
        var claims = Claims(caller, in call, callId, now);
        var signed = head.Length + Base64Url.GetEncodedLength(claims.Length);
        var length = signed + 1 + Base64Url.GetEncodedLength(SigningKey.SignatureLength);
        var token = Token(length);
        head.CopyTo(token);
        Base64Url.EncodeToUtf8(claims, token[head.Length..]);
        Span<byte> signature = stackalloc byte[SigningKey.SignatureLength];
        key.Sign(token[..signed], signature);
        token[signed] = (byte)'.';
        Base64Url.EncodeToUtf8(signature, token[(signed + 1)..]);
        return token;
    }

    // RFC 8693 §4.1: who acts now stands outermost, whom it took over from within.
    private static void WriteActors(Utf8JsonWriter writer, Caller caller)
    {
        foreach (var actor in caller.Actors)
        {
            writer.WriteStartObject("act"u8);
            writer.WriteString("sub"u8, actor);
        }

        for (var i = 0; i < caller.Actors.Length; i++)
        {
            writer.WriteEndObject();
        }
    }

    private static void WriteIf(Utf8JsonWriter writer, ReadOnlySpan<byte> name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }

    private static string Kind(CallerKind kind) => kind switch
    {
        CallerKind.Human => "human",
        CallerKind.Service => "service",
        _ => "agent",
    };

    private static Span<byte> Token(int length) => length > MostKept ? new byte[length] : (s_token ??= new byte[MostKept]).AsSpan(0, length);

    private ReadOnlySpan<byte> Claims(Caller caller, in AssertedCall call, string callId, DateTimeOffset now)
    {
        if (s_claims is not { Capacity: <= MostKept } buffer)
        {
            s_claims = buffer = new ArrayBufferWriter<byte>(1024);
        }

        var writer = s_writer ??= new Utf8JsonWriter(buffer, s_options);
        buffer.ResetWrittenCount();
        writer.Reset(buffer);
        writer.WriteStartObject();
        writer.WriteString("iss"u8, _issuer);
        writer.WriteString("aud"u8, CallerAssertion.Audience);
        writer.WriteString("sub"u8, caller.Name);
        writer.WriteString("kind"u8, Kind(caller.Kind));
        WriteActors(writer, caller);
        writer.WriteString("method"u8, call.Method);
        WriteIf(writer, "namespace"u8, call.Namespace);
        WriteIf(writer, "workflow_id"u8, call.WorkflowId);
        WriteIf(writer, "schedule_id"u8, call.ScheduleId);
        WriteIf(writer, "activity_id"u8, call.ActivityId);
        writer.WriteNumber("iat"u8, now.ToUnixTimeSeconds());
        writer.WriteNumber("exp"u8, (now + (call.ScheduleId is null ? lifetime : s_ofSchedules)).ToUnixTimeSeconds());
        writer.WriteString("jti"u8, callId);
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan;
    }

    private byte[] HeadOf(SigningKey key)
    {
        var head = Volatile.Read(ref _head);
        if (head is null || !ReferenceEquals(head.Key, key))
        {
            var json = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string>(StringComparer.Ordinal) { ["alg"] = SecurityAlgorithms.EcdsaSha256, ["kid"] = key.Id, ["typ"] = CallerAssertion.TokenType });
            head = new Head(key, [.. Base64Url.EncodeToUtf8(json), (byte)'.']);
            Volatile.Write(ref _head, head);
        }

        return head.Text;
    }

    /// <summary>The first part of every token that a key signs, with the dot behind it.</summary>
    private sealed record Head(SigningKey Key, byte[] Text);
}
