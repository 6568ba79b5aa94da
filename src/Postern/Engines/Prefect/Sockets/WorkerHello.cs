using System.Text.Json;

namespace Postern.Engines.Prefect.Sockets;

/// <summary>
/// What a worker says first on its channel. By it the server records a heartbeat, shows the pool, and does two things more that workers ask for as a matter of course:
/// it makes the pool where there is none, and gives it a job template where it has none.
/// </summary>
internal sealed record WorkerHello
{
    private const string Type = "worker.hello.v1";
    private const string Cleanup = "cleanup_delivery.v1";

    public required string WorkerName { get; init; }

    /// <summary>The queues of the pool that it is about; none: all of them.</summary>
    public required IReadOnlyList<string> WorkQueues { get; init; }

    /// <summary>Whether it asks for the pool to be made or to be given a template.</summary>
    public required bool WritesPool { get; init; }

    /// <summary>Whether it asks to be handed runs whose infrastructure has to be cleared away.</summary>
    public required bool TakesCleanup { get; init; }

    /// <summary>Reads one; null where it is none.</summary>
    public static WorkerHello? Read(ReadOnlyMemory<byte> message)
    {
        using var document = SocketJson.Read(message);
        if (document?.RootElement is not { } root || root.Text("type") != Type || !root.TryGetProperty("payload", out var payload)
            || payload.Text("worker_name") is not { Length: > 0 } name)
        {
            return null;
        }

        // The server takes much for true that isn't written so ("yes", 1): only what is plainly false is.
        var creates = payload.TryGetProperty("create_pool_if_not_found", out var create) && create.ValueKind != JsonValueKind.False;
        var gives = payload.TryGetProperty("default_base_job_template", out var template) && !IsEmpty(template);
        var queues = payload.TryGetProperty("work_queue_names", out _) ? payload.Texts("work_queue_names") : [];
        var capabilities = payload.TryGetProperty("requested_capabilities", out _) ? payload.Texts("requested_capabilities") : [];
        return queues is null || capabilities is null
            ? null
            : new WorkerHello { WorkerName = name, WorkQueues = queues, WritesPool = creates || gives, TakesCleanup = capabilities.Contains(Cleanup) };
    }

    /// <summary>
    /// The same without the two wishes, for a worker that may not change the pool. Stock workers always say them; refusing those would take the channel from every worker
    /// whose pool is there, as it nearly always is.
    /// </summary>
    public static byte[] WithoutWishes(ReadOnlyMemory<byte> message)
    {
        using var document = SocketJson.Read(message) ?? throw new ArgumentException("It was read before.", nameof(message));
        using var stream = new MemoryStream(message.Length);
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (member.NameEquals("payload"))
                {
                    writer.WritePropertyName("payload");
                    Write(member.Value, writer);
                }
                else
                {
                    member.WriteTo(writer);
                }
            }

            writer.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void Write(JsonElement payload, Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        foreach (var member in payload.EnumerateObject())
        {
            if (member.NameEquals("create_pool_if_not_found"))
            {
                writer.WriteBoolean("create_pool_if_not_found", false);
            }
            else if (member.NameEquals("default_base_job_template"))
            {
                writer.WriteStartObject("default_base_job_template");
                writer.WriteEndObject();
            }
            else
            {
                member.WriteTo(writer);
            }
        }

        writer.WriteEndObject();
    }

    private static bool IsEmpty(JsonElement template) => template.ValueKind == JsonValueKind.Null || (template.ValueKind == JsonValueKind.Object && !template.EnumerateObject().Any());
}
