using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Postern.Dev.Prefect;

/// <summary>The server's five sockets, with the first frame that authenticates.</summary>
internal sealed class PrefectSockets(PrefectWorld world, PrefectWorkRoutes work, string? authString)
{
    public const string Subprotocol = "prefect";

    private const int LargestMessage = 16 * 1024 * 1024;
    private const WebSocketCloseStatus TaskProtocolError = (WebSocketCloseStatus)4001;

    /// <summary>Events come in, one a frame.</summary>
    public Task EventsInAsync(HttpContext context) => ServeAsync(context, async (socket, end) =>
    {
        while (await ReadAsync(socket, end) is { } @event)
        {
            lock (world.Lock)
            {
                world.Feed.Publish(@event, world.Now);
            }
        }
    });

    /// <summary>Events go out, those that the client's filter names; with <c>backfill</c> first those of before.</summary>
    public Task EventsOutAsync(HttpContext context) => ServeAsync(context, async (socket, end) =>
    {
        var filter = await FilterAsync(socket, end);
        if (filter is null)
        {
            return;
        }

        await TellAsync(socket, "event", @event => PrefectEventFilter.Passes(@event, filter.Object("filter")), filter.Flag("backfill"), end);
    });

    /// <summary>Logs go out, from now on.</summary>
    public Task LogsOutAsync(HttpContext context) => ServeAsync(context, async (socket, end) =>
    {
        var filter = await FilterAsync(socket, end);
        if (filter is null)
        {
            return;
        }

        await TellAsync(socket, "log", log => PrefectFilter.Passes(world, log, filter.Object("filter") ?? []), backfill: false, end);
    });

    /// <summary>Background tasks go to those who serve them, one after another.</summary>
    public Task ScheduledTasksAsync(HttpContext context) => ServeAsync(context, async (socket, end) =>
    {
        if (await ReadAsync(socket, end) is not { } subscription || subscription.Text("type") != "subscribe" || subscription["keys"] is not JsonArray keys)
        {
            await CloseAsync(socket, TaskProtocolError, "Protocol violation: expected 'subscribe' message", end);
            return;
        }

        var wanted = keys.Select(key => key!.GetValue<string>()).ToHashSet();
        PrefectFeed.Subscription listener;
        lock (world.Lock)
        {
            listener = world.Feed.Listen("task", run => run.Text("task_key") is { } key && wanted.Contains(key));
        }

        JsonObject? given = null;
        try
        {
            while (true)
            {
                // Out of turn it says only that it goes.
                var answer = ReadAsync(socket, end);
                if (await Task.WhenAny(listener.Items.Reader.WaitToReadAsync(end).AsTask(), answer) == answer)
                {
                    return;
                }

                given = await listener.Items.Reader.ReadAsync(end);
                await SendAsync(socket, given, end);
                if ((await answer).Text("type") != "ack")
                {
                    return;
                }

                given = null;
            }
        }
        finally
        {
            lock (world.Lock)
            {
                world.Feed.End(listener);
                while (given is not null || listener.Items.Reader.TryRead(out given))
                {
                    world.Feed.Schedule(given);
                    given = null;
                }
            }
        }
    });

    /// <summary>A worker's channel: it says who it is and then only that it is still there.</summary>
    public Task WorkerChannelAsync(HttpContext context) => ServeAsync(context, async (socket, end) =>
    {
        var pool = (string)context.GetRouteValue("pool")!;
        while (await ReadAsync(socket, end) is { } message)
        {
            var payload = message.Object("payload");
            JsonObject? answer = null;
            try
            {
                lock (world.Lock)
                {
                    work.Heartbeat(work.Pool(pool), payload.Text("worker_name") ?? "", payload.Number("heartbeat_interval_seconds") ?? 30);
                    answer = message.Text("type") == "worker.hello.v1" ? Ready(work.Pool(pool), payload!) : null;
                }
            }
            catch (PrefectRefusal)
            {
                await CloseAsync(socket, WebSocketCloseStatus.PolicyViolation, "work_pool_not_found", end);
                return;
            }

            if (answer is not null)
            {
                await SendAsync(socket, answer, end);
            }
        }
    });

    private JsonObject Ready(JsonObject pool, JsonObject hello) => new()
    {
        ["type"] = "worker.ready.v1",
        ["id"] = Guid.CreateVersion7(world.Now).ToString(),
        ["sent_at"] = world.Now.Stamp(),
        ["payload"] = new JsonObject
        {
            ["consumer_id"] = hello.Copy("consumer_id"),
            ["worker_id"] = null,
            ["selected_channel_version"] = "work_pool_worker_channel.v1",
            ["effective_heartbeat_interval_seconds"] = hello.Copy("heartbeat_interval_seconds", 30),
            ["accepted_capabilities"] = new JsonArray("worker_heartbeat.v1", "work_pool_snapshot.v1"),
            ["rejected_capabilities"] = new JsonArray(),
            ["effective_max_cleanup_concurrency"] = 0,
            ["resolved_work_queues"] = new JsonArray([.. work.QueuesOf(pool).Select(queue => new JsonObject { ["id"] = queue.Copy("id"), ["name"] = queue.Copy("name") })]),
            ["initial_snapshot"] = new JsonObject { ["snapshot_sequence"] = 1, ["reason"] = "initial", ["work_pool"] = pool.DeepClone() },
        },
    };

    private async Task ServeAsync(HttpContext context, Func<WebSocket, CancellationToken, Task> serve)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            await PrefectRoutes.WriteAsync(context.Response, new PrefectReply(StatusCodes.Status404NotFound, new JsonObject { ["detail"] = "Not Found" }));
            return;
        }

        var isPrefect = context.WebSockets.WebSocketRequestedProtocols.Contains(Subprotocol);
        using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext { SubProtocol = isPrefect ? Subprotocol : null, DangerousEnableCompression = true });
        try
        {
            if (await AuthenticateAsync(socket, isPrefect, context.RequestAborted))
            {
                await serve(socket, context.RequestAborted);
                await CloseAsync(socket, WebSocketCloseStatus.NormalClosure, "", context.RequestAborted);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // The client went away.
        }
    }

    private async Task<bool> AuthenticateAsync(WebSocket socket, bool isPrefect, CancellationToken end)
    {
        if (!isPrefect)
        {
            await CloseAsync(socket, WebSocketCloseStatus.ProtocolError, "Subprotocol required", end);
            return false;
        }

        var first = await ReadAsync(socket, end);
        var fault = first.Text("type") != "auth" ? "Expected 'auth' message"
            : authString is null || first.Text("token") == authString ? null
            : first.Text("token") is null ? "Auth required but no token provided" : "Invalid token";
        if (fault is not null)
        {
            await CloseAsync(socket, WebSocketCloseStatus.PolicyViolation, fault, end);
            return false;
        }

        await SendAsync(socket, new JsonObject { ["type"] = "auth_success" }, end);
        return true;
    }

    private static async Task<JsonObject?> FilterAsync(WebSocket socket, CancellationToken end)
    {
        var message = await ReadAsync(socket, end);
        if (message is not null && message.Text("type") != "filter")
        {
            await CloseAsync(socket, WebSocketCloseStatus.ProtocolError, "Expected 'filter' message", end);
            return null;
        }

        return message;
    }

    private async Task TellAsync(WebSocket socket, string kind, Func<JsonObject, bool> wants, bool backfill, CancellationToken end)
    {
        PrefectFeed.Subscription listener;
        lock (world.Lock)
        {
            listener = world.Feed.Listen(kind, wants);
            foreach (var @event in backfill ? world.Feed.Events.Where(wants) : [])
            {
                listener.Items.Writer.TryWrite(@event.DeepClone().AsObject());
            }
        }

        try
        {
            using var gone = CancellationTokenSource.CreateLinkedTokenSource(end);
            var reading = UntilClosedAsync(socket, gone);
            await foreach (var item in listener.Items.Reader.ReadAllAsync(gone.Token))
            {
                await SendAsync(socket, new JsonObject { ["type"] = kind, [kind] = item }, gone.Token);
            }

            await reading;
        }
        finally
        {
            lock (world.Lock)
            {
                world.Feed.End(listener);
            }
        }
    }

    private static async Task UntilClosedAsync(WebSocket socket, CancellationTokenSource gone)
    {
        try
        {
            while (await ReadAsync(socket, gone.Token) is not null)
            {
                // What a listener says after its filter means nothing.
            }

            await CloseAsync(socket, WebSocketCloseStatus.NormalClosure, "", gone.Token);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // Gone without a word.
        }

        await gone.CancelAsync();
    }

    /// <summary>The next message; null where the client closes.</summary>
    private static async Task<JsonObject?> ReadAsync(WebSocket socket, CancellationToken end)
    {
        using var message = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var got = await socket.ReceiveAsync(buffer, end);
            if (got.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }

            message.Write(buffer, 0, got.Count);
            if (message.Length > LargestMessage)
            {
                await CloseAsync(socket, WebSocketCloseStatus.MessageTooBig, "", end);
                return null;
            }

            if (got.EndOfMessage)
            {
                try
                {
                    return JsonNode.Parse(message.GetBuffer().AsSpan(0, (int)message.Length)) as JsonObject ?? [];
                }
                catch (JsonException)
                {
                    return [];
                }
            }
        }
    }

    private static Task SendAsync(WebSocket socket, JsonObject message, CancellationToken end) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, endOfMessage: true, end);

    private static async Task CloseAsync(WebSocket socket, WebSocketCloseStatus status, string reason, CancellationToken end)
    {
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
        {
            await socket.CloseOutputAsync(status, reason, end);
        }
    }
}
