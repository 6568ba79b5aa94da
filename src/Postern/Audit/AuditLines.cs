using System.Buffers;
using System.Text.Json;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Audit;

/// <summary>What an audit line tells of.</summary>
internal enum AuditEvent : byte
{
    /// <summary>A write that is about to be forwarded. A line without a <see cref="Call"/> of the same id: the gate ended before the outcome was known.</summary>
    Intent,
    /// <summary>A call that has ended, whatever came of it.</summary>
    Call,
}

/// <summary>
/// Writes records as JSON lines (docs/audit.md). Everything outside printable ASCII is escaped, so that a name can't forge a line, hide in a terminal or
/// turn the reading direction. Used by one thread; its buffer is reused.
/// </summary>
internal sealed class AuditLines : IDisposable
{
    // A name that is longer is cut, since a refused call may carry megabytes, each of which would be six bytes on disk.
    public const int MaxTextLength = 1024;
    private const int KeptBuffer = 1024 * 1024;

    private static readonly JsonWriterOptions WriterOptions = new() { SkipValidation = true };
    private static readonly JsonEncodedText[] Events = Encode<AuditEvent>();
    private static readonly JsonEncodedText[] Classes = Encode<AuditClass>();
    private static readonly JsonEncodedText[] Kinds = Encode<CallerKind>();
    private static readonly JsonEncodedText[] Decisions = Encode<DecisionKind>();
    private static readonly JsonEncodedText[] Reasons = Encode<RefusalReason>();

    private readonly Utf8JsonWriter _writer;
    private ArrayBufferWriter<byte> _buffer = new(64 * 1024);

    public AuditLines() => _writer = new Utf8JsonWriter(_buffer, WriterOptions);

    public ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    public int Length => _buffer.WrittenCount;

    public void Clear()
    {
        if (_buffer.Capacity > KeptBuffer)
        {
            _buffer = new ArrayBufferWriter<byte>(64 * 1024);
        }

        _buffer.ResetWrittenCount();
    }

    public void Add(AuditEvent kind, in AuditRecord record)
    {
        _writer.Reset(_buffer);
        _writer.WriteStartObject();
        _writer.WriteString(Field.Event, Events[(int)kind]);
        _writer.WriteString(Field.Time, record.Time.UtcDateTime);
        Write(Field.Id, record.CallId);
        _writer.WriteString(Field.Class, Classes[(int)record.Class]);
        if (record.Caller is not null)
        {
            Write(Field.Caller, record.Caller);
            _writer.WriteString(Field.Kind, Kinds[(int)record.CallerKind]);
        }

        Write(Field.Credential, record.Credential);
        Write(Field.TokenId, record.TokenId);
        Write(Field.SessionId, record.SessionId);
        Write(Field.Actors, record.Actors);
        Write(Field.Source, record.SourceAddress);
        Write(Field.Engine, record.Engine);
        Write(Field.Operation, record.Operation);
        Write(Field.Permission, record.Permission);
        WriteResources(record);
        _writer.WriteString(Field.Decision, Decisions[(int)record.Decision]);
        Write(Field.Rule, record.Rule);
        Write(Field.PolicyVersion, record.PolicyVersion);
        if (kind == AuditEvent.Call)
        {
            WriteOutcome(record);
        }

        _writer.WriteEndObject();
        EndLine();
    }

    /// <summary>The first line after a time in which nothing could be kept.</summary>
    public void AddGap(DateTimeOffset from, DateTimeOffset to, long lost)
    {
        _writer.Reset(_buffer);
        _writer.WriteStartObject();
        _writer.WriteString(Field.Event, "gap");
        _writer.WriteString(Field.Time, to.UtcDateTime);
        _writer.WriteString("since", from.UtcDateTime);
        _writer.WriteNumber("lost", lost);
        _writer.WriteEndObject();
        EndLine();
    }

    public void Dispose() => _writer.Dispose();

    private void WriteResources(in AuditRecord record)
    {
        Write(Field.Namespace, record.Namespace);
        Write(Field.MoreNamespaces, record.MoreNamespaces);
        Write(Field.TaskQueue, record.TaskQueue);
        Write(Field.WorkflowType, record.WorkflowType);
        Write(Field.WorkflowId, record.WorkflowId);
        Write(Field.RunId, record.RunId);
        Write(Field.Target, record.Target);
        if (record.Prefect is { } prefect)
        {
            WritePrefect(prefect);
        }
    }

    private void WritePrefect(PrefectFacts facts)
    {
        Write(Field.WorkPool, facts.WorkPool);
        Write(Field.WorkQueue, facts.WorkQueue);
        Write(Field.Worker, facts.Worker);
        Write(Field.Flow, facts.Flow);
        Write(Field.FlowId, facts.FlowId);
        Write(Field.Deployment, facts.Deployment);
        Write(Field.DeploymentId, facts.DeploymentId);
        Write(Field.FlowRunId, facts.FlowRunId);
        Write(Field.FlowRunName, facts.FlowRunName);
        Write(Field.TaskRunId, facts.TaskRunId);
        Write(Field.Parameters, facts.Parameters);
        Write(Field.State, facts.State);
        Write(Field.StateStatus, facts.StateStatus);
        Write(Field.Object, facts.Object);
    }

    private void WriteOutcome(in AuditRecord record)
    {
        if (record.Refusal is { } reason)
        {
            _writer.WriteString(Field.Refusal, Reasons[(int)reason]);
        }

        Write(Field.Detail, record.Detail);
        _writer.WriteNumber(Field.Status, record.GrpcStatus);
        _writer.WriteNumber(Field.DurationUs, (long)record.Duration.TotalMicroseconds);
        _writer.WriteNumber(Field.RequestBytes, record.RequestBytes);
        _writer.WriteNumber(Field.ResponseBytes, record.ResponseBytes);
    }

    private void Write(JsonEncodedText name, string? text)
    {
        if (text is null)
        {
            return;
        }

        if (text.Length <= MaxTextLength)
        {
            _writer.WriteString(name, text);
            return;
        }

        // Not between the halves of a surrogate pair: the half would be written as a replacement character.
        var end = char.IsHighSurrogate(text[MaxTextLength - 1]) ? MaxTextLength - 1 : MaxTextLength;
        _writer.WriteString(name, string.Concat(text.AsSpan(0, end), $"... ({text.Length} characters)"));
    }

    private void EndLine()
    {
        _writer.Flush();
        _buffer.GetSpan(1)[0] = (byte)'\n';
        _buffer.Advance(1);
    }

    private static JsonEncodedText[] Encode<T>() where T : struct, Enum =>
        [.. Enum.GetNames<T>().Select(name => JsonEncodedText.Encode(OptionShape.Kebab(name)))];

    /// <summary>The names of the fields, encoded once. docs/audit.md tells what each holds.</summary>
    private static class Field
    {
        public static readonly JsonEncodedText Event = JsonEncodedText.Encode("event");
        public static readonly JsonEncodedText Time = JsonEncodedText.Encode("time");
        public static readonly JsonEncodedText Id = JsonEncodedText.Encode("id");
        public static readonly JsonEncodedText Class = JsonEncodedText.Encode("class");
        public static readonly JsonEncodedText Caller = JsonEncodedText.Encode("caller");
        public static readonly JsonEncodedText Kind = JsonEncodedText.Encode("kind");
        public static readonly JsonEncodedText Credential = JsonEncodedText.Encode("credential");
        public static readonly JsonEncodedText TokenId = JsonEncodedText.Encode("jti");
        public static readonly JsonEncodedText SessionId = JsonEncodedText.Encode("sid");
        public static readonly JsonEncodedText Actors = JsonEncodedText.Encode("actors");
        public static readonly JsonEncodedText Source = JsonEncodedText.Encode("source");
        public static readonly JsonEncodedText Engine = JsonEncodedText.Encode("engine");
        public static readonly JsonEncodedText Operation = JsonEncodedText.Encode("operation");
        public static readonly JsonEncodedText Permission = JsonEncodedText.Encode("permission");
        public static readonly JsonEncodedText Namespace = JsonEncodedText.Encode("namespace");
        public static readonly JsonEncodedText MoreNamespaces = JsonEncodedText.Encode("moreNamespaces");
        public static readonly JsonEncodedText TaskQueue = JsonEncodedText.Encode("taskQueue");
        public static readonly JsonEncodedText WorkflowType = JsonEncodedText.Encode("workflowType");
        public static readonly JsonEncodedText WorkflowId = JsonEncodedText.Encode("workflowId");
        public static readonly JsonEncodedText RunId = JsonEncodedText.Encode("runId");
        public static readonly JsonEncodedText Target = JsonEncodedText.Encode("target");
        public static readonly JsonEncodedText WorkPool = JsonEncodedText.Encode("workPool");
        public static readonly JsonEncodedText WorkQueue = JsonEncodedText.Encode("workQueue");
        public static readonly JsonEncodedText Worker = JsonEncodedText.Encode("worker");
        public static readonly JsonEncodedText Flow = JsonEncodedText.Encode("flow");
        public static readonly JsonEncodedText FlowId = JsonEncodedText.Encode("flowId");
        public static readonly JsonEncodedText Deployment = JsonEncodedText.Encode("deployment");
        public static readonly JsonEncodedText DeploymentId = JsonEncodedText.Encode("deploymentId");
        public static readonly JsonEncodedText FlowRunId = JsonEncodedText.Encode("flowRunId");
        public static readonly JsonEncodedText FlowRunName = JsonEncodedText.Encode("flowRunName");
        public static readonly JsonEncodedText TaskRunId = JsonEncodedText.Encode("taskRunId");
        public static readonly JsonEncodedText Parameters = JsonEncodedText.Encode("parameters");
        public static readonly JsonEncodedText State = JsonEncodedText.Encode("state");
        public static readonly JsonEncodedText StateStatus = JsonEncodedText.Encode("stateStatus");
        public static readonly JsonEncodedText Object = JsonEncodedText.Encode("object");
        public static readonly JsonEncodedText Decision = JsonEncodedText.Encode("decision");
        public static readonly JsonEncodedText Rule = JsonEncodedText.Encode("rule");
        public static readonly JsonEncodedText PolicyVersion = JsonEncodedText.Encode("policyVersion");
        public static readonly JsonEncodedText Refusal = JsonEncodedText.Encode("refusal");
        public static readonly JsonEncodedText Detail = JsonEncodedText.Encode("detail");
        public static readonly JsonEncodedText Status = JsonEncodedText.Encode("status");
        public static readonly JsonEncodedText DurationUs = JsonEncodedText.Encode("durationUs");
        public static readonly JsonEncodedText RequestBytes = JsonEncodedText.Encode("requestBytes");
        public static readonly JsonEncodedText ResponseBytes = JsonEncodedText.Encode("responseBytes");
    }
}
