using System.Globalization;
using Postern.Dev.Engine.Runs;

namespace Postern.Tests.Dev.Engine.Runs;

public sealed class CronScheduleTests
{
    [Theory]
    [InlineData("* * * * *", "2026-01-31T12:00:30Z", "2026-01-31T12:01:00Z")]
    [InlineData("*/15 * * * *", "2026-01-31T12:46:00Z", "2026-01-31T13:00:00Z")]
    [InlineData("0 9 * * 1-5", "2026-01-31T12:00:00Z", "2026-02-02T09:00:00Z")]
    [InlineData("30 4 1 * *", "2026-01-31T12:00:00Z", "2026-02-01T04:30:00Z")]
    [InlineData("0 0 29 2 *", "2026-01-31T12:00:00Z", "2028-02-29T00:00:00Z")]
    [InlineData("0 0 13 * 5", "2026-02-01T00:00:00Z", "2026-02-06T00:00:00Z")]
    [InlineData("0 12 * * 7", "2026-01-31T12:00:00Z", "2026-02-01T12:00:00Z")]
    [InlineData("@hourly", "2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z")]
    [InlineData("@daily", "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z")]
    public void Next_AfterNow_IsTheFirstTick(string cron, string now, string next)
    {
        var at = Time(now);

        Assert.Equal(Time(next), CronSchedule.Parse(cron)!.Next(at, at));
    }

    [Theory]
    [InlineData("@every 30s", "2026-01-31T12:00:00Z", "2026-01-31T12:00:10Z", "2026-01-31T12:00:30Z")]
    [InlineData("@every 1h30m", "2026-01-31T12:00:00Z", "2026-01-31T14:00:00Z", "2026-01-31T15:00:00Z")]
    public void Next_OfAnInterval_CountsFromTheLastStart(string cron, string last, string now, string next) =>
        Assert.Equal(Time(next), CronSchedule.Parse(cron)!.Next(Time(last), Time(now)));

    [Theory]
    [InlineData("")]
    [InlineData("* * * *")]
    [InlineData("60 * * * *")]
    [InlineData("* 5-3 * * *")]
    [InlineData("*/0 * * * *")]
    [InlineData("a * * * *")]
    [InlineData("@every 10")]
    [InlineData("@every 0s")]
    [InlineData("@sometimes")]
    public void Parse_OfAnythingElse_IsNothing(string text) => Assert.Null(CronSchedule.Parse(text));

    private static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
