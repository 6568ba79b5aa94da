using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Postern.Model;

namespace Postern.Tokens;

/// <summary>
/// Signs who made a call, for workflow and worker to read: one token per call, bound to its namespace and workflow. It says nothing that any server would take for a permission, and is signed with a
/// key that no server knows.
/// </summary>
internal sealed class CallerAssertions(SigningKeys keys, string engine, TimeSpan lifetime)
{
    // A schedule starts workflows for as long as it stands; its key is published no longer than this.
    private static readonly TimeSpan s_ofSchedules = SigningKeyTimes.OfAssertions.KeepAfter;
    private static readonly Dictionary<string, object> s_head = new(StringComparer.Ordinal) { ["typ"] = CallerAssertion.TokenType };
    // Within a token nothing is read by a browser, and escapes would only make it longer.
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? s_buffer;

    [ThreadStatic]
    private static Utf8JsonWriter? s_writer;

    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly string _issuer = "postern/" + engine;

    public string Sign(Caller caller, in AssertedCall call, string callId, DateTimeOffset now)
    {
        var buffer = s_buffer ??= new ArrayBufferWriter<byte>(1024);
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
        return _handler.CreateToken(Encoding.UTF8.GetString(buffer.WrittenSpan), keys.Current.Credentials, s_head);
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
}
