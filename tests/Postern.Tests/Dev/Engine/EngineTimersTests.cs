using Postern.Dev.Engine;
using Postern.Tests.Audit;

namespace Postern.Tests.Dev.Engine;

public sealed class EngineTimersTests
{
    private readonly ManualTime time = new();
    private readonly List<string> fired = [];

    [Fact]
    public void Timers_InAnyOrder_FireByTheirTime()
    {
        using var timers = new EngineTimers(time, work => work(), work => work());
        timers.After(TimeSpan.FromSeconds(3), () => fired.Add("third"));
        timers.After(TimeSpan.FromSeconds(1), () => fired.Add("first"));
        timers.After(TimeSpan.FromSeconds(2), () => fired.Add("second"));

        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(["first", "second"], fired);
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(["first", "second", "third"], fired);
    }

    [Fact]
    public void Timer_Cancelled_DoesNotFire()
    {
        using var timers = new EngineTimers(time, work => work(), work => work());
        var first = timers.After(TimeSpan.FromSeconds(1), () => fired.Add("cancelled"));
        timers.After(TimeSpan.FromSeconds(2), () => fired.Add("kept"));
        first.Cancel();
        time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(["kept"], fired);
    }

    [Fact]
    public void Timer_SetByATimer_FiresInItsTurn()
    {
        using var timers = new EngineTimers(time, work => work(), work => work());
        timers.After(TimeSpan.FromSeconds(1), () =>
        {
            fired.Add("outer");
            timers.After(TimeSpan.FromSeconds(1), () => fired.Add("inner"));
        });

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["outer"], fired);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["outer", "inner"], fired);
    }
}
