using Postern.OAuth;
using Postern.Tests.Audit;

namespace Postern.Tests.OAuth;

public sealed class DevicePollsTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void DeviceThatKeepsToItsInterval_IsNeverTooSoon()
    {
        var polls = new DevicePolls(_time);
        for (var i = 0; i < 10; i++)
        {
            Assert.False(polls.IsTooSoon("a"));
            // Somewhat sooner is what the network does.
            _time.Advance(DevicePolls.Interval - TimeSpan.FromMilliseconds(i % 2 == 0 ? 900 : 0));
        }
    }

    [Fact]
    public void DeviceThatAsksTooSoon_WaitsFiveSecondsMoreFromThenOn_AndOthersDoNot()
    {
        var polls = new DevicePolls(_time);
        Assert.False(polls.IsTooSoon("a"));
        Assert.False(polls.IsTooSoon("b"));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(polls.IsTooSoon("a"));

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.True(polls.IsTooSoon("a"));
        Assert.False(polls.IsTooSoon("b"));
        _time.Advance(TimeSpan.FromSeconds(15));
        Assert.False(polls.IsTooSoon("a"));
        _time.Advance(TimeSpan.FromSeconds(15));
        Assert.False(polls.IsTooSoon("a"));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.True(polls.IsTooSoon("a"));
    }

    [Fact]
    public void ManyDevicesThatGaveUp_AreForgotten_AndOneThatStillAsksIsNot()
    {
        var polls = new DevicePolls(_time);
        for (var i = 0; i < 9_999; i++)
        {
            polls.IsTooSoon($"{i}");
        }

        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.False(polls.IsTooSoon("a"));
        Assert.False(polls.IsTooSoon("b"));
        Assert.True(polls.IsTooSoon("a"));
    }
}
