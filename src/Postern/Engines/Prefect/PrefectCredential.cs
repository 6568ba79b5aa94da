using System.Text;
using Postern.Configuration;

namespace Postern.Engines.Prefect;

/// <summary>What one server is presented: the header of its HTTP calls, and the token of a socket's first frame.</summary>
internal sealed record PrefectPresented(string? Authorization, string? Token)
{
    public static readonly PrefectPresented Nothing = new(null, null);

    // The secrets don't print themselves.
    public override string ToString() => Authorization is null ? "nothing" : "(secret)";
}

/// <summary>
/// The server's credential over reloads. A new one is on trial until the server takes it; the old one serves meanwhile, so that whoever rotates it may change the
/// server and the gate in any order.
/// </summary>
internal sealed class PrefectCredential
{
    private readonly Lock _changing = new();
    private PrefectPresented _current;
    private PrefectPresented? _onTrial;

    public PrefectCredential(PrefectCredentialOptions options) => _current = Read(options);

    /// <summary>What is presented now.</summary>
    public PrefectPresented Current => Volatile.Read(ref _current);

    /// <summary>The one that the server must take before it serves; null where there is none.</summary>
    public PrefectPresented? OnTrial => Volatile.Read(ref _onTrial);

    /// <summary>Takes over what a reload brings.</summary>
    public void Offer(PrefectCredentialOptions options)
    {
        var offered = Read(options);
        lock (_changing)
        {
            Volatile.Write(ref _onTrial, offered == _current ? null : offered);
        }
    }

    /// <summary>The server has taken the credential on trial.</summary>
    public void Accept(PrefectPresented accepted)
    {
        lock (_changing)
        {
            if (_onTrial == accepted)
            {
                Volatile.Write(ref _current, accepted);
                Volatile.Write(ref _onTrial, null);
            }
        }
    }

    private static PrefectPresented Read(PrefectCredentialOptions options)
    {
        if (options.AuthString is { } secret)
        {
            // A file ends with a line's end more often than not.
            var text = secret.Reveal().Trim();
            return new PrefectPresented("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(text)), text);
        }

        return options.Bearer is { } bearer ? new PrefectPresented("Bearer " + bearer.Reveal().Trim(), bearer.Reveal().Trim()) : PrefectPresented.Nothing;
    }
}
