using System.Buffers;
using System.Text;
using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>Why a workflow task failed, by the kind of the command that was refused: the numbers of <c>WorkflowTaskFailedCause</c>.</summary>
internal enum FailedTaskCause : byte
{
    None = 0,
    Activity = 2,
    Cancel = 10,
    ContinueAsNew = 11,
    Signal = 15,
    Child = 16,
    Nexus = 32,
}

/// <summary>
/// Turns a worker's answer that commands what it may not into the report of a failed task, so that the workflow's history says why. Only of a first attempt: a
/// reported failure is scheduled again at once, a task that nobody answers only after its timeout.
/// </summary>
internal static class FailedTask
{
    /// <summary>The method that takes the report.</summary>
    public const string Method = "/" + TemporalOperations.WorkflowService + "/RespondWorkflowTaskFailed";

    private const int Token = 1;
    private const int Cause = 2;
    private const int Failure = 3;
    private const int FailureMessage = 1;
    private const int Attempt = 5;

    /// <summary>True where the answer is to a first attempt, as the engine's own token says.</summary>
    public static bool IsOfFirstAttempt(ReadOnlySpan<byte> completed)
    {
        var position = 0;
        var first = false;
        while (position < completed.Length && Wire.TryReadTag(completed, ref position, out var number, out var type))
        {
            if (number != Token || type != Wire.Bytes)
            {
                if (!Wire.TrySkip(completed, ref position, number, type, 1))
                {
                    return false;
                }
            }
            else if (Wire.TryReadExtent(completed, ref position, out var start, out var length))
            {
                first = AttemptOf(completed.Slice(start, length)) == 1;
            }
            else
            {
                return false;
            }
        }

        return first;
    }

    /// <summary>The report, unframed: task token, namespace, identity and version of the answer, under the numbers that they have there.</summary>
    /// <param name="completed">A RespondWorkflowTaskCompletedRequest whose token is the engine's own; it was read before.</param>
    /// <param name="cause">Which kind of command was refused.</param>
    /// <param name="text">What the workflow's history is to say.</param>
    public static byte[] Write(ReadOnlySpan<byte> completed, FailedTaskCause cause, string text)
    {
        var report = new ArrayBufferWriter<byte>(512);
        var position = 0;
        while (position < completed.Length && Wire.TryReadTag(completed, ref position, out var number, out var type))
        {
            if (type != Wire.Bytes || NumberThere(number) is not (> 0 and var there))
            {
                if (!Wire.TrySkip(completed, ref position, number, type, 1))
                {
                    break;
                }
            }
            else if (Wire.TryReadExtent(completed, ref position, out var start, out var length))
            {
                WriteField(there, completed.Slice(start, length), report);
            }
            else
            {
                break;
            }
        }

        var head = report.GetSpan(2);
        head[0] = (Cause << 3) | Wire.Varint;
        head[1] = (byte)cause;
        report.Advance(2);
        var failure = new ArrayBufferWriter<byte>(256);
        WriteField(FailureMessage, Encoding.UTF8.GetBytes(text), failure);
        WriteField(Failure, failure.WrittenSpan, report);
        return report.WrittenSpan.ToArray();
    }

    private static int NumberThere(int number) => number switch
    {
        Token => Token,
        3 => 4, // identity
        9 => 6, // namespace
        10 => 8, // worker_version_stamp, worker_version
        17 => 10, // deployment_options
        _ => 0,
    };

    private static ulong AttemptOf(ReadOnlySpan<byte> token)
    {
        var position = 0;
        ulong attempt = 0;
        while (position < token.Length && Wire.TryReadTag(token, ref position, out var number, out var type))
        {
            if (!(number == Attempt && type == Wire.Varint ? Wire.TryReadVarint(token, ref position, out attempt) : Wire.TrySkip(token, ref position, number, type, 1)))
            {
                return 0;
            }
        }

        return attempt;
    }

    private static void WriteField(int number, ReadOnlySpan<byte> content, ArrayBufferWriter<byte> to)
    {
        Span<byte> head = stackalloc byte[10];
        var length = Wire.WriteVarint(head, (uint)((number << 3) | Wire.Bytes));
        length += Wire.WriteVarint(head[length..], (uint)content.Length);
        to.Write(head[..length]);
        to.Write(content);
    }
}
