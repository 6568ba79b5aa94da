using Microsoft.Extensions.Primitives;
using Postern.Pipeline;

namespace Postern.Tests.Pipeline;

public sealed class RequestHeaderRulesTests
{
    public static TheoryData<string> Ours =>
    [
        "authorization", "authorization-extras", "temporal-principal-name", "temporal-principal-type", "temporal-principal", "caller-type", "caller-name", "call-initiation",
        "xdc-redirection", "xdc-redirection-api", "grpc-metadata-authorization", "grpc-metadata-x", "grpcgateway-authorization", "grpcgateway-x",
        "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-user", "x-forwarded-client-cert", "forwarded", "cookie",
        "proxy-authorization", "proxy-connection", "proxy-anything", "x-postern-call-id", "postern-caller", "traceparent", "tracestate",
        "connection", "keep-alive", "transfer-encoding", "upgrade", "trailer", "host", "content-length",
    ];

    [Theory]
    [MemberData(nameof(Ours))]
    public void Header_ThatIsOurs_IsDroppedHoweverItIsWritten(string name)
    {
        foreach (var written in Spellings(name))
        {
            Assert.False(RequestHeaderRules.IsForwarded(written, default), written);
        }
    }

    [Theory]
    [InlineData("te")]
    [InlineData("user-agent")]
    [InlineData("grpc-timeout")]
    [InlineData("grpc-accept-encoding")]
    [InlineData("client-name")]
    [InlineData("temporal-namespace")]
    [InlineData("x-my-own")]
    [InlineData("x-my-own-bin")]
    [InlineData("caller")]
    [InlineData("xdc")]
    [InlineData("my-authorization")]
    [InlineData("x-forward")]
    public void Header_OfTheClient_IsForwardedHoweverItIsWritten(string name)
    {
        foreach (var written in Spellings(name))
        {
            Assert.True(RequestHeaderRules.IsForwarded(written, default), written);
        }
    }

    [Fact]
    public void UsualNames_NotTakenApart_WouldPassThatToo()
    {
        // A connection value that names none of them leads by the long way.
        Assert.All(RequestHeaderRules.UsualNames, name => Assert.True(RequestHeaderRules.IsForwarded(name, "nothing-of-these"), name));
    }

    [Theory]
    [InlineData("x-a", true)]
    [InlineData("X_A", true)]
    [InlineData("x-b", true)]
    [InlineData("x-c", true)]
    [InlineData("user-agent", true)]
    [InlineData("x", false)]
    [InlineData("x-a-b", false)]
    public void Header_NamedInConnection_EndsHere(string name, bool named) =>
        Assert.Equal(!named, RequestHeaderRules.IsForwarded(name, new StringValues(["close, X-A ,x_b", "x-c,,User-Agent"])));

    [Theory]
    [InlineData("")]
    [InlineData(":path")]
    [InlineData(":authority")]
    public void Name_ThatIsNone_IsDropped(string name) => Assert.False(RequestHeaderRules.IsForwarded(name, default));

    [Fact]
    public void Name_LongerThanAny_IsDropped() => Assert.False(RequestHeaderRules.IsForwarded(new string('x', 200), default));

    [Fact]
    public void IsForwarded_AnyHeader_AllocatesNothing()
    {
        string[] names = ["te", "User-Agent", "authorization", "X_Forwarded_For", "x-my-own", "grpc-metadata-x"];
        var connection = new StringValues("x-a, x-b");
        long Allocated()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1000; i++)
            {
                _ = RequestHeaderRules.IsForwarded(names[i % names.Length], default) ^ RequestHeaderRules.IsForwarded(names[i % names.Length], connection);
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Allocated();
        Assert.Equal(0, Allocated());
    }

    private static IEnumerable<string> Spellings(string name) =>
    [
        name, name.ToUpperInvariant(), name.Replace('-', '_'), name.ToUpperInvariant().Replace('-', '_'),
        string.Concat(name.Select((c, i) => i % 2 == 0 ? char.ToUpperInvariant(c) : c)),
    ];
}
