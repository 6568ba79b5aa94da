using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Namespace.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>One namespace.</summary>
internal sealed class NamespaceEntry(string name, string id)
{
    public string Name { get; } = name;

    public string Id { get; } = id;

    public NamespaceState State { get; set; } = NamespaceState.Registered;

    public string Description { get; set; } = "";

    public string OwnerEmail { get; set; } = "";

    public Dictionary<string, string> Data { get; } = new(StringComparer.Ordinal);

    public Duration Retention { get; set; } = Duration.FromTimeSpan(TimeSpan.FromDays(1));

    public SearchAttributeTypes SearchAttributes { get; } = new();
}

/// <summary>Namespaces by name and by id. Read without the lock, so the map is replaced, never changed.</summary>
internal sealed class NamespaceStore
{
    private readonly DevEngineOptions options;
    private volatile Map map = new([], []);

    public NamespaceStore(DevEngineOptions options)
    {
        this.options = options;
        foreach (var name in options.Namespaces)
        {
            Add(name);
        }
    }

    public IEnumerable<NamespaceEntry> All => map.ByName.Values.OrderBy(n => n.Id, StringComparer.Ordinal);

    public NamespaceEntry? Find(string name) => map.ByName.GetValueOrDefault(name);

    public NamespaceEntry? FindId(string id) => map.ById.GetValueOrDefault(id);

    /// <summary>The namespace of this name, or the server's refusal.</summary>
    public NamespaceEntry Get(string name) => Find(name) ?? throw NotFound(name);

    public static RpcException NotFound(string name) =>
        new(StatusCode.NotFound, $"Namespace {name} is not found.", new NamespaceNotFoundFailure { Namespace = name });

    public NamespaceEntry Add(string name)
    {
        if (map.ByName.ContainsKey(name))
        {
            throw new RpcException(StatusCode.AlreadyExists, $"Namespace \"{name}\" already exists", new NamespaceAlreadyExistsFailure());
        }

        var entry = new NamespaceEntry(name, Guid.CreateVersion7(options.Time.GetUtcNow()).ToString());
        foreach (var (attribute, type) in options.SearchAttributes)
        {
            entry.SearchAttributes.Add(attribute, type);
        }

        map = new Map(
            new Dictionary<string, NamespaceEntry>(map.ByName, StringComparer.Ordinal) { [name] = entry },
            new Dictionary<string, NamespaceEntry>(map.ById, StringComparer.Ordinal) { [entry.Id] = entry });
        return entry;
    }

    public void Remove(NamespaceEntry entry)
    {
        var byName = new Dictionary<string, NamespaceEntry>(map.ByName, StringComparer.Ordinal);
        var byId = new Dictionary<string, NamespaceEntry>(map.ById, StringComparer.Ordinal);
        byName.Remove(entry.Name);
        byId.Remove(entry.Id);
        map = new Map(byName, byId);
    }

    private sealed record Map(Dictionary<string, NamespaceEntry> ByName, Dictionary<string, NamespaceEntry> ById);
}
