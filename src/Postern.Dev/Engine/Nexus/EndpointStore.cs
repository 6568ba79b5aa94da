using Temporalio.Api.Nexus.V1;

namespace Postern.Dev.Engine.Nexus;

/// <summary>Nexus endpoints by name and by id. Used under the engine's lock only.</summary>
internal sealed class EndpointStore
{
    /// <summary>The endpoint that the engine serves itself.</summary>
    public const string System = "__temporal_system";

    private readonly SortedDictionary<string, Endpoint> byId = new(StringComparer.Ordinal);

    /// <summary>All of them, in the order of their ids, as the server lists them.</summary>
    public IEnumerable<Endpoint> All => byId.Values;

    public Endpoint? Find(string name) => byId.Values.FirstOrDefault(e => e.Spec.Name == name);

    public Endpoint? FindId(string id) => byId.GetValueOrDefault(id);

    /// <summary>Adds one, or puts its new version in its place.</summary>
    public void Put(Endpoint endpoint) => byId[endpoint.Id] = endpoint;

    public void Remove(string id) => byId.Remove(id);
}
