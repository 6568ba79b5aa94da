using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy.Conditions;

/// <summary><c>from: [10.0.0.0/8]</c>: the network that the call comes from. An IPv4 address and the same address mapped into IPv6 are one.</summary>
internal sealed class SourceCondition(ImmutableArray<SourceCondition.Network> networks) : CircumstanceCondition
{
    // ::ffff:0:0/96
    private static readonly UInt128 Mapped = (UInt128)0xffff << 32;

    public override string Text { get; } = $"from: {string.Join(", ", networks.Select(n => n.Text))}";

    public override Truth Test(in Circumstances circumstances)
    {
        if (circumstances.Source is not { } source)
        {
            return Truth.Unknown;
        }

        var address = Number(source);
        foreach (var network in networks)
        {
            if ((address & network.Mask) == network.Address)
            {
                return Truth.Yes;
            }
        }

        return Truth.No;
    }

    public static WhenCondition? Read(NodeReader nodes, ConfigNode node, string path)
    {
        var networks = ImmutableArray.CreateBuilder<Network>();
        foreach (var (text, at, line) in nodes.Texts(node, path))
        {
            if (TryParse(text, out var network, out var advice))
            {
                networks.Add(network);
            }
            else
            {
                nodes.Error(at, line, $"'{text}' is no network; {advice}");
            }
        }

        return networks.Count == 0 ? null : new SourceCondition(networks.ToImmutable());
    }

    private static bool TryParse(string text, out Network network, out string advice)
    {
        (network, advice) = (default, "write an address or a network such as 10.0.0.0/8 or 2001:db8::/32");
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var host = slash < 0 ? text : text[..slash];
        // The framework also reads 10 and 0x7f.1 as addresses; an operator who writes those made a mistake.
        if (!(host.Contains(':') || host.Split('.').Length == 4) || host.Contains('%') || !IPAddress.TryParse(host, out var address))
        {
            return false;
        }

        var width = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        var length = width;
        if (slash >= 0 && (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out length) || length > width))
        {
            return false;
        }

        var bits = length + 128 - width;
        var mask = bits == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - bits);
        var number = Number(address);
        if ((number & ~mask) != 0)
        {
            advice = $"its address has bits behind the first {length}; write the network's own address, or a longer prefix";
            return false;
        }

        network = new Network(number, mask, text);
        return true;
    }

    private static UInt128 Number(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var written);
        return written == 4 ? Mapped | BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    internal readonly record struct Network(UInt128 Address, UInt128 Mask, string Text);
}
