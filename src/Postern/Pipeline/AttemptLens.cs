using System.Text;
using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;

namespace Postern.Pipeline;

/// <summary>Reads out of a description of a run whether one attempt of one of its activities is with a worker.</summary>
internal sealed class AttemptLens
{
    // WorkflowExecutionStatus: a run that is closed keeps the activities that were pending.
    private const int Running = 1;
    private const int Paused = 8;

    // PendingActivityState.
    private const int Started = 2;
    private const int CancelRequested = 3;
    private const int PauseRequested = 5;

    // Far above any time-out that means one, and far below what a date can hold.
    private const long LongestSeconds = 100L * 365 * 24 * 3600;

    private readonly LensNode _root;
    private readonly int _status;
    private readonly int _run;
    private readonly LensField _list;
    private readonly int _id;
    private readonly int _state;
    private readonly int _attempt;
    private readonly (int Seconds, int Nanos) _started;
    private readonly (int Seconds, int Nanos) _startToClose;
    private readonly (int Seconds, int Nanos) _expires;

    public AttemptLens(MessageDescriptor description)
    {
        const string List = "pending_activities[].";
        string[] moments = ["last_started_time", "activity_options.start_to_close_timeout", "expiration_time"];
        _root = LensCompiler.Compile(description,
        [
            "workflow_execution_info.status", "workflow_execution_info.execution.run_id", List + "activity_id", List + "state", List + "attempt",
            .. moments.SelectMany(moment => new[] { $"{List}{moment}.seconds", $"{List}{moment}.nanos" }),
        ]);
        (_status, _run) = (_root.SlotOf("workflow_execution_info.status"), _root.SlotOf("workflow_execution_info.execution.run_id"));
        _list = _root.At("pending_activities")!;
        var element = _list.Node!;
        (_id, _state, _attempt) = (element.SlotOf("activity_id"), element.SlotOf("state"), element.SlotOf("attempt"));
        (int, int) Moment(string path) => (element.SlotOf(path + ".seconds"), element.SlotOf(path + ".nanos"));
        (_started, _startToClose, _expires) = (Moment(moments[0]), Moment(moments[1]), Moment(moments[2]));
    }

    public static AttemptFacts Ended { get; } = new(AttemptState.Ended, default, null);

    /// <summary>Null where the answer can't be read, is about another run, or doesn't say when the attempt began.</summary>
    public AttemptFacts? Read(ReadOnlySpan<byte> message, string run, string activity, int attempt)
    {
        using var lens = MessageLens.Read(_root, message);
        if (lens.Fault is not null || !lens.Bytes(0, _run).SequenceEqual(Encoding.UTF8.GetBytes(run)))
        {
            return null;
        }

        if (lens.Enum(0, _status) is not (Running or Paused))
        {
            return Ended;
        }

        var id = Encoding.UTF8.GetBytes(activity);
        for (var element = lens.FirstOf(0, _list.Slot); element != 0; element = lens.NextOf(element))
        {
            if (lens.Bytes(element, _id).SequenceEqual(id))
            {
                return lens.Enum(element, _attempt) == attempt ? Read(in lens, element) : Ended;
            }
        }

        return Ended;
    }

    private AttemptFacts? Read(in MessageLens lens, int element)
    {
        var state = lens.Enum(element, _state) switch
        {
            Started => AttemptState.Running,
            CancelRequested or PauseRequested => AttemptState.Stopping,
            _ => AttemptState.Ended,
        };
        if (state == AttemptState.Ended)
        {
            return Ended;
        }

        if (Span(in lens, element, _started) is not { } since)
        {
            return null;
        }

        var started = DateTimeOffset.UnixEpoch + since;
        // The server writes a limit for every activity; a duration of nothing is none.
        DateTimeOffset? ends = Span(in lens, element, _startToClose) is { } limit ? started + limit : null;
        return new AttemptFacts(state, started, ends is { } && Span(in lens, element, _expires) is { } total && DateTimeOffset.UnixEpoch + total < ends ? DateTimeOffset.UnixEpoch + total : ends);
    }

    private static TimeSpan? Span(in MessageLens lens, int element, (int Seconds, int Nanos) at)
    {
        var (seconds, nanos) = ((long)lens.Number(element, at.Seconds), lens.Enum(element, at.Nanos));
        return seconds is < 0 or > LongestSeconds || nanos is < 0 or > 999_999_999 || (seconds == 0 && nanos == 0) ? null
            : new TimeSpan((seconds * TimeSpan.TicksPerSecond) + (nanos / TimeSpan.NanosecondsPerTick));
    }
}
