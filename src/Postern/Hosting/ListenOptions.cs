using Postern.Configuration;
using Postern.Limits;

namespace Postern.Hosting;

/// <summary>One public listener.</summary>
internal sealed record ListenOptions
{
    /// <summary>IP address and port: <c>0.0.0.0:7233</c>. Port 0 takes a free one (tests). Required.</summary>
    [Required("0.0.0.0:7233")]
    public string Address { get; init; } = "";

    /// <summary>Certificate and client certificates. Without it the listener is clear text.</summary>
    public ListenTlsOptions? Tls { get; init; }

    /// <summary>In clear text a port speaks one: <c>grpc</c> (HTTP/2, default) or <c>http</c> (HTTP/1.1). With TLS, ALPN decides.</summary>
    public ListenProtocol Protocol { get; init; } = ListenProtocol.Grpc;

    /// <summary>Clear text is refused on any address that is not loopback, unless this says so. Default false.</summary>
    public bool ClearText { get; init; }
}

internal enum ListenProtocol { Grpc, Http }

/// <summary>TLS towards clients. Files are read again on reload.</summary>
internal sealed record ListenTlsOptions
{
    /// <summary>PEM file with the certificate chain. Required.</summary>
    [Required("/etc/postern/tls.crt"), Path]
    public string Certificate { get; init; } = "";

    /// <summary>PEM file with the private key. Required.</summary>
    [Required("/etc/postern/tls.key"), Path]
    public string Key { get; init; } = "";

    /// <summary>Whether clients present certificates: <c>none</c> (default), <c>optional</c>, <c>required</c>.</summary>
    public ClientCertificates ClientCertificates { get; init; }

    /// <summary>PEM files of the authorities that client certificates must chain to, their roots among them; a certificate needs the extended key usage clientAuth. Required unless <c>clientCertificates: none</c>.</summary>
    [Path]
    public IReadOnlyList<string> ClientAuthorities { get; init; } = [];
}

internal enum ClientCertificates { None, Optional, Required }

/// <summary>The admin listener.</summary>
internal sealed record AdminOptions
{
    /// <summary>IP address and port. Default 127.0.0.1:7239. Never the public listener's. It has no TLS: on any other address put something before it that has.</summary>
    public string Address { get; init; } = "127.0.0.1:7239";
}

/// <summary>The listener for public keys.</summary>
internal sealed record KeysOptions
{
    /// <summary>IP address and port. Required where the section is given.</summary>
    [Required("0.0.0.0:7238")]
    public string Address { get; init; } = "";
}

/// <summary>Bounds on what one call or connection may cost.</summary>
internal sealed record LimitsOptions
{
    /// <summary>Largest request message on the wire. Default 4MiB, the Temporal frontend's own; 1KiB to 64MiB.</summary>
    [Between("1KiB", "64MiB")]
    public ByteSize RequestBytes { get; init; } = ByteSize.MiB(4);

    /// <summary>Largest request message after inflating. Default 4MiB.</summary>
    [Between("1KiB", "64MiB")]
    public ByteSize InflateBytes { get; init; } = ByteSize.MiB(4);

    /// <summary>Largest answer. Default 128MiB, the SDKs' own.</summary>
    [Between("1KiB", "1GiB")]
    public ByteSize ResponseBytes { get; init; } = ByteSize.MiB(128);

    /// <summary>All request headers together. Default 64KiB.</summary>
    [Between("4KiB", "1MiB")]
    public ByteSize HeaderBytes { get; init; } = ByteSize.KiB(64);

    /// <summary>Streams per client connection. Default 10000: an SDK puts every poll on one connection.</summary>
    [Between("100", "1000000")]
    public int StreamsPerConnection { get; init; } = 10_000;

    /// <summary>Calls that one caller may have open at a time, polls included, over all its connections and tokens. Default 20000; 1 to 1000000.</summary>
    public int OpenCallsPerCaller { get; init; } = 20_000;

    /// <summary>How much each caller may do. Default: nothing is limited.</summary>
    public IReadOnlyList<RateOptions> Rates { get; init; } = [];
}

/// <summary>How the process ends.</summary>
internal sealed record ShutdownOptions
{
    /// <summary>How long calls may end by themselves after SIGTERM. Default 75s, since polls last 60 to 70 s.</summary>
    [Between("0", "1h")]
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(75);
}
