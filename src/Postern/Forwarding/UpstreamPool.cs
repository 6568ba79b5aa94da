using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Postern.Telemetry;

namespace Postern.Forwarding;

/// <summary>
/// All lanes to one engine. Names are resolved again every 30 s; every address that a name has is used; a call takes the lane with the fewest open calls,
/// so that a thousand polls don't share one connection.
/// </summary>
internal sealed partial class UpstreamPool : IAsyncDisposable
{
    private static readonly TimeSpan ResolveEvery = TimeSpan.FromSeconds(30);

    private readonly DnsEndPoint[] _names;
    private readonly int _connectionsPerAddress;
    private readonly Func<string, SslClientAuthenticationOptions>? _tls;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _resolving;
    private readonly TaskCompletionSource _firstResolve = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private UpstreamLane[] _lanes = [];
    private uint _turn;
    private int _failures;

    public UpstreamPool(IReadOnlyList<string> addresses, int connectionsPerAddress, Func<string, SslClientAuthenticationOptions>? tls, TimeProvider time, ILogger logger)
    {
        _names = [.. addresses.Select(ParseAddress)];
        _connectionsPerAddress = connectionsPerAddress;
        _tls = tls;
        _logger = logger;
        Scheme = tls is null ? "http" : "https";
        Authority = _names[0].Host.Contains(':') ? $"[{_names[0].Host}]:{_names[0].Port}" : $"{_names[0].Host}:{_names[0].Port}";
        _resolving = Task.Run(() => ResolveForeverAsync(time));
    }

    public string Scheme { get; }

    /// <summary>The engine's own <c>:authority</c>: a client's is a hint and is not passed on.</summary>
    public string Authority { get; }

    /// <summary>Lanes in use, for metrics.</summary>
    public IReadOnlyList<UpstreamLane> Lanes => Volatile.Read(ref _lanes);

    /// <summary>Completes when names have been resolved for the first time, or could not be.</summary>
    public Task FirstResolve => _firstResolve.Task;

    /// <summary>Whether the last calls could not be forwarded at all.</summary>
    public bool IsUnreachable => Volatile.Read(ref _failures) > 0;

    /// <summary>Notes whether the engine could be reached, for readiness. A call that the engine refused was reached.</summary>
    public void Note(bool reached)
    {
        if (!reached)
        {
            Interlocked.Increment(ref _failures);
        }
        else if (Volatile.Read(ref _failures) != 0)
        {
            Volatile.Write(ref _failures, 0);
        }
    }

    /// <summary>Ends the pool without ending its calls: each lane closes when its last call has.</summary>
    public void Retire()
    {
        _stopping.Cancel();
        foreach (var lane in Interlocked.Exchange(ref _lanes, []))
        {
            lane.Retire();
        }
    }

    /// <summary>The lane with the fewest open calls, entered; null where no address is known.</summary>
    public UpstreamLane? Take()
    {
        while (true)
        {
            var lanes = Volatile.Read(ref _lanes);
            if (lanes.Length == 0)
            {
                return null;
            }

            // Starting at another place each time spreads ties; otherwise an idle gate would use its first lane alone.
            var start = (int)(Interlocked.Increment(ref _turn) % (uint)lanes.Length);
            var best = lanes[start];
            for (var i = 1; i < lanes.Length && best.Outstanding > 0; i++)
            {
                var next = lanes[(start + i) % lanes.Length];
                if (next.Outstanding < best.Outstanding)
                {
                    best = next;
                }
            }

            if (best.TryEnter())
            {
                return best;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _resolving;
        foreach (var lane in Interlocked.Exchange(ref _lanes, []))
        {
            lane.Dispose();
        }

        _stopping.Dispose();
    }

    private static DnsEndPoint ParseAddress(string address)
    {
        var colon = address.LastIndexOf(':');
        return new DnsEndPoint(address[..colon].Trim('[', ']'), int.Parse(address.AsSpan(colon + 1), System.Globalization.CultureInfo.InvariantCulture));
    }

    private async Task ResolveForeverAsync(TimeProvider time)
    {
        try
        {
            while (true)
            {
                await ResolveAsync();
                _firstResolve.TrySetResult();
                // With no address at all the next try is soon: calls are being refused meanwhile.
                await Task.Delay(Lanes.Count == 0 ? TimeSpan.FromSeconds(1) : ResolveEvery, time, _stopping.Token);
            }
        }
        catch (OperationCanceledException)
        {
            _firstResolve.TrySetResult();
        }
    }

    private async Task ResolveAsync()
    {
        var found = new HashSet<IPEndPoint>();
        foreach (var name in _names)
        {
            try
            {
                var addresses = IPAddress.TryParse(name.Host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(name.Host, _stopping.Token);
                foreach (var address in addresses)
                {
                    found.Add(new IPEndPoint(address, name.Port));
                }
            }
            catch (SocketException e)
            {
                // A name that doesn't resolve keeps the addresses it had: DNS trouble must not take the engine away.
                Log.NameNotResolved(_logger, name.Host, e.Message);
                foreach (var lane in Lanes.Where(lane => lane.Address.Port == name.Port))
                {
                    found.Add(lane.Address);
                }
            }
        }

        if (found.Contains(new IPEndPoint(IPAddress.Loopback, _names[0].Port)))
        {
            // "localhost" has two addresses, and development servers listen on one.
            found.RemoveWhere(address => IPAddress.IPv6Loopback.Equals(address.Address));
        }

        var lanes = Lanes;
        var keep = lanes.Where(lane => found.Contains(lane.Address)).ToList();
        foreach (var address in found.Except(lanes.Select(lane => lane.Address)))
        {
            for (var i = 0; i < _connectionsPerAddress; i++)
            {
                keep.Add(new UpstreamLane(address, _tls?.Invoke(_names[0].Host)));
            }
        }

        if (keep.Count != lanes.Count || keep.Except(lanes).Any())
        {
            Volatile.Write(ref _lanes, [.. keep]);
            Log.AddressesChanged(_logger, Authority, found.Count, keep.Count);
        }

        foreach (var lane in lanes.Except(keep))
        {
            lane.Retire();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Forwarding + 1, LogLevel.Warning, "Name {Host} did not resolve ({Reason}); its last known addresses stay in use")]
        public static partial void NameNotResolved(ILogger logger, string host, string reason);

        [LoggerMessage(EventIds.Forwarding + 2, LogLevel.Information, "Engine at {Authority}: {Addresses} addresses, {Lanes} connections")]
        public static partial void AddressesChanged(ILogger logger, string authority, int addresses, int lanes);
    }
}
