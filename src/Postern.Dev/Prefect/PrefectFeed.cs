using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Postern.Dev.Prefect;

/// <summary>Events, logs and scheduled task runs on their way to those who listen. Used under the world's lock, but for what a listener reads.</summary>
internal sealed class PrefectFeed
{
    private const int KeptEvents = 10_000;

    private readonly List<Subscription> _listeners = [];
    private readonly List<JsonObject> _events = [];
    private readonly List<JsonObject> _waitingTasks = [];

    /// <summary>The latest events, oldest first.</summary>
    public IReadOnlyList<JsonObject> Events => _events;

    public void Publish(JsonObject @event, DateTimeOffset now)
    {
        @event["received"] = now.Stamp();
        // An unconfirmed event is sent again with its id.
        if (_events.Exists(known => known.Text("id") == @event.Text("id")))
        {
            return;
        }

        _events.Add(@event);
        if (_events.Count > KeptEvents)
        {
            _events.RemoveAt(0);
        }

        Tell("event", @event);
    }

    public void Tell(string kind, JsonObject item)
    {
        foreach (var listener in _listeners.Where(listener => listener.Kind == kind && listener.Wants(item)))
        {
            listener.Items.Writer.TryWrite((JsonObject)item.DeepClone());
        }
    }

    /// <summary>Gives a background task's run to one who subscribed to its task; keeps it where nobody did yet.</summary>
    public void Schedule(JsonObject taskRun)
    {
        if (_listeners.Find(listener => listener.Kind == "task" && listener.Wants(taskRun)) is { } worker)
        {
            worker.Items.Writer.TryWrite((JsonObject)taskRun.DeepClone());
            // The next one goes to another worker, if there is one.
            _listeners.Remove(worker);
            _listeners.Add(worker);
        }
        else
        {
            _waitingTasks.Add(taskRun);
        }
    }

    public Subscription Listen(string kind, Func<JsonObject, bool> wants)
    {
        var listener = new Subscription(kind, wants);
        _listeners.Add(listener);
        foreach (var waiting in kind == "task" ? _waitingTasks.Where(wants).ToList() : [])
        {
            _waitingTasks.Remove(waiting);
            Schedule(waiting);
        }

        return listener;
    }

    public void End(Subscription listener) => _listeners.Remove(listener);

    /// <summary>One who listens.</summary>
    public sealed record Subscription(string Kind, Func<JsonObject, bool> Wants)
    {
        public Channel<JsonObject> Items { get; } = Channel.CreateUnbounded<JsonObject>();
    }
}
