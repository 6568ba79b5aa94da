using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>What the catalogue doesn't know is not forwarded, whoever asks; every method that the official API has is known.</summary>
public sealed class UnknownOperationIsRefused(GateFixture fixture) : IClassFixture<GateFixture>
{
    private Gate Gate => fixture.Gate;

    public static TheoryData<string> Paths => TemporalApi.Paths;

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task EveryMethodOfTheApi_IsKnown(string path)
    {
        var answer = await Gate.Client.CallAsync(path, Array.Empty<byte>(), Gate.Issuer.Token("nobody"), TestContext.Current.CancellationToken);
        Assert.NotEqual(GrpcCode.Unimplemented, answer.Status);
        // These four every caller may ask, and gets what he may see: nothing.
        var open = path[(path.LastIndexOf('/') + 1)..] is "GetSystemInfo" or "GetClusterInfo" or "ListNamespaces" or "ListNexusEndpoints";
        Assert.Equal(open, answer.Status == 0);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task NeighbourOfEveryMethod_IsUnknown(string path)
    {
        var token = Gate.Issuer.Token("root");
        await using var client = await Gate.ConnectAsync();
        foreach (var neighbour in new[] { path + "s", path[..^1], path.ToUpperInvariant(), path + "/", path.Replace('.', '/'), path.Replace("/temporal", "/xtemporal") })
        {
            var watch = new Watch(Gate);
            var answer = await client.CallAsync(RawHttp2.CallHeaders(neighbour, token), GrpcFrame.Of([]));
            Assert.Equal(GrpcCode.Unimplemented, answer.Status);
            watch.EngineSawNothing();
            foreach (var word in new[] { "decompress", "grpc-encoding", "compressor" })
            {
                Assert.DoesNotContain(word, answer.Message, StringComparison.OrdinalIgnoreCase);
            }
        }
    }

    [Fact]
    public async Task UnknownOperation_OfAnUnknownCaller_DoesNotTellWhetherItExists()
    {
        var known = await Gate.Client.CallAsync("GetSystemInfo", Array.Empty<byte>(), cancellation: TestContext.Current.CancellationToken);
        var unknown = await Gate.Client.CallAsync("GetSystemInf", Array.Empty<byte>(), cancellation: TestContext.Current.CancellationToken);
        Assert.NotEqual(0, known.Status);
        Assert.NotEqual(0, unknown.Status);
        Assert.Empty(unknown.Body);
    }
}
