using System.Text;
using System.Text.Unicode;
using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>
/// Which attempt of which activity the engine's own token of an activity task is for. The token is the server's internal message, neither signed nor part of the API:
/// to be believed only under the gate's seal.
/// </summary>
internal sealed record ActivityTaskToken(string WorkflowId, string RunId, string ActivityId, string ActivityType, int Attempt)
{
    private const int Workflow = 2;
    private const int Run = 3;
    private const int AttemptNumber = 5;
    private const int Activity = 6;
    private const int Type = 8;

    // What stands in the place of a workflow where the activity has none.
    private const int Component = 14;

    /// <summary>Null where it can't be read, or isn't for an activity of a workflow.</summary>
    public static ActivityTaskToken? Read(ReadOnlySpan<byte> token)
    {
        string? workflow = null, run = null, activity = null, type = null;
        ulong attempt = 0;
        var position = 0;
        while (position < token.Length)
        {
            if (!Wire.TryReadTag(token, ref position, out var number, out var wire))
            {
                return null;
            }

            if (number == AttemptNumber && wire == Wire.Varint)
            {
                if (!Wire.TryReadVarint(token, ref position, out attempt))
                {
                    return null;
                }
            }
            else if (number is Workflow or Run or Activity or Type or Component && wire == Wire.Bytes)
            {
                if (!Wire.TryReadExtent(token, ref position, out var start, out var length) || (number == Component && length > 0) || !Utf8.IsValid(token.Slice(start, length)))
                {
                    return null;
                }

                var text = Encoding.UTF8.GetString(token.Slice(start, length));
                switch (number)
                {
                    case Workflow:
                        workflow = text;
                        break;
                    case Run:
                        run = text;
                        break;
                    case Activity:
                        activity = text;
                        break;
                    case Type:
                        type = text;
                        break;
                }
            }
            else if (!Wire.TrySkip(token, ref position, number, wire, 1))
            {
                return null;
            }
        }

        return workflow is { Length: > 0 } && run is { Length: > 0 } && activity is { Length: > 0 } && type is { Length: > 0 } && attempt is > 0 and <= int.MaxValue
            ? new ActivityTaskToken(workflow, run, activity, type, (int)attempt)
            : null;
    }
}
