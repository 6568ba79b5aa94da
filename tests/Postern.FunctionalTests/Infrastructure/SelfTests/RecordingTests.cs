namespace Postern.FunctionalTests.Infrastructure.SelfTests;

public sealed class RecordingTests
{
    [Fact]
    public void Recordings_AllOfThem_AreReadToTheirEnd()
    {
        Assert.True(Recording.Names.Count >= 50, string.Join(' ', Recording.Names));
        var calls = Recording.Names.SelectMany(Recording.Read).ToList();
        Assert.True(calls.Count(call => call.IsWhole) > 3000, calls.Count.ToString());
        Assert.Contains(calls, call => call.TrailersOnly);
        Assert.All(calls.Where(call => call is { IsWhole: true, Note: null }), call => GrpcFrame.Split(call.RequestBody));
    }
}
