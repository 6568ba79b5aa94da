using Postern.Engines.Temporal;

namespace Postern.Hosting;

/// <summary>Catalogues by descriptor file, each read once: computing one takes longer than anything else at start. A changed file is read at the next start.</summary>
internal sealed class TemporalCatalogues
{
    private readonly Dictionary<string, TemporalCatalogue> _catalogues = new(StringComparer.Ordinal);
    private readonly Lock _loading = new();

    public TemporalCatalogue Get(string? descriptors)
    {
        lock (_loading)
        {
            return _catalogues.TryGetValue(descriptors ?? "", out var known) ? known : _catalogues[descriptors ?? ""] = TemporalCatalogue.Load(descriptors);
        }
    }
}
