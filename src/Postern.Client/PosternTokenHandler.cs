using System.Net.Http.Headers;

namespace Postern.Client;

/// <summary>
/// Sends requests with a fresh token. A request that has an <c>Authorization</c> of its own keeps it, and one to another host than the named ones goes out
/// without: a token must not follow a redirect to somebody else.
/// </summary>
public sealed class PosternTokenHandler : DelegatingHandler
{
    private readonly PosternTokenSource _source;
    private readonly HashSet<string> _hosts;

    /// <summary>A handler for the named hosts.</summary>
    /// <param name="source">Where tokens come from; not disposed with the handler.</param>
    /// <param name="hosts">Hosts with their port where it isn't the scheme's own (<c>api.example.com</c>, <c>localhost:8080</c>) that may get the token. At least one.</param>
    public PosternTokenHandler(PosternTokenSource source, params IEnumerable<string> hosts)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(hosts);
        _source = source;
        _hosts = hosts.ToHashSet(StringComparer.OrdinalIgnoreCase);
        if (_hosts.Count == 0)
        {
            throw new ArgumentException("Name the hosts that may get the token.", nameof(hosts));
        }
    }

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Headers.Authorization is null && request.RequestUri is { IsAbsoluteUri: true } target && _hosts.Contains(target.Authority))
        {
            var token = await _source.GetAsync(cancellationToken).ConfigureAwait(false);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Value);
        }

        return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
    }
}
