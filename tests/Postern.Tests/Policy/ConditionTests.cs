using System.Globalization;
using System.Net;
using Postern.Model;
using Postern.Policy.Conditions;
using static Postern.Tests.Policy.TestPolicy;

namespace Postern.Tests.Policy;

public sealed class ConditionTests
{
    [Theory]
    [InlineData("08:00-18:00 Europe/Berlin", "2026-03-02T06:59:59Z", false)]
    [InlineData("08:00-18:00 Europe/Berlin", "2026-03-02T07:00:00Z", true)]
    [InlineData("08:00-18:00 Europe/Berlin", "2026-03-02T16:59:59Z", true)]
    [InlineData("08:00-18:00 Europe/Berlin", "2026-03-02T17:00:00Z", false)]
    [InlineData("08:00-18:00 Europe/Berlin", "2026-07-02T06:00:00Z", true)] // summer time
    [InlineData("08:00-18:00 Europe/Berlin", "2026-07-02T16:00:00Z", false)]
    [InlineData("Mon-Fri 08:00-18:00 UTC", "2026-03-01T12:00:00Z", false)] // a Sunday
    [InlineData("Mon-Fri 08:00-18:00 UTC", "2026-03-02T12:00:00Z", true)]
    [InlineData("Sat-Mon 08:00-18:00 UTC", "2026-03-01T12:00:00Z", true)]
    [InlineData("Sat-Mon 08:00-18:00 UTC", "2026-03-03T12:00:00Z", false)]
    [InlineData("Mon,Wed 08:00-18:00 UTC", "2026-03-04T12:00:00Z", true)]
    [InlineData("Mon,Wed 08:00-18:00 UTC", "2026-03-03T12:00:00Z", false)]
    [InlineData("22:00-06:00 UTC", "2026-03-02T23:00:00Z", true)]
    [InlineData("22:00-06:00 UTC", "2026-03-02T05:59:00Z", true)]
    [InlineData("22:00-06:00 UTC", "2026-03-02T06:00:00Z", false)]
    [InlineData("Fri 22:00-06:00 UTC", "2026-03-07T05:00:00Z", true)] // Saturday morning belongs to Friday's window
    [InlineData("Fri 22:00-06:00 UTC", "2026-03-06T05:00:00Z", false)] // Friday morning doesn't
    [InlineData("Fri 22:00-06:00 UTC", "2026-03-07T23:00:00Z", false)]
    [InlineData("Mon 00:00-24:00 Europe/Berlin", "2026-03-01T23:30:00Z", true)] // Monday in Berlin already
    [InlineData("Mon 00:00-24:00 Europe/Berlin", "2026-03-02T23:30:00Z", false)]
    [InlineData("02:00-03:00 Europe/Berlin", "2026-03-29T00:59:00Z", false)] // clocks go from 02:00 to 03:00 at 01:00 UTC
    [InlineData("02:00-03:00 Europe/Berlin", "2026-03-29T01:00:00Z", false)]
    [InlineData("02:00-03:00 Europe/Berlin", "2026-10-25T00:30:00Z", true)] // 02:30 comes twice
    [InlineData("02:00-03:00 Europe/Berlin", "2026-10-25T01:30:00Z", true)]
    [InlineData("09:00-17:00 Australia/Lord_Howe", "2026-04-04T22:05:00Z", false)] // half-hour summer time: 09:05 before, 08:35 after it ended at 15:00
    [InlineData("09:00-17:00 Asia/Kathmandu", "2026-03-02T03:15:00Z", true)] // +05:45
    public void Hours_FollowTheWallClock(string hours, string now, bool expected)
    {
        Assert.True(HourWindow.TryParse(hours, out var window, out _));
        Assert.Equal(expected, window.Contains(DateTimeOffset.Parse(now, CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Hours_AroundAClockChange_AgreeWithTheFramework()
    {
        Assert.True(HourWindow.TryParse("01:40-02:20 Europe/Berlin", out var window, out _));
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        for (var at = new DateTimeOffset(2026, 3, 28, 23, 0, 0, TimeSpan.Zero); at.Day < 31; at += TimeSpan.FromMinutes(7))
        {
            var local = TimeZoneInfo.ConvertTime(at, zone).TimeOfDay;
            Assert.Equal(local >= new TimeSpan(1, 40, 0) && local < new TimeSpan(2, 20, 0), window.Contains(at));
        }
    }

    [Theory]
    [InlineData("08:00-18:00")]
    [InlineData("8-18 UTC")]
    [InlineData("08:00-08:00 UTC")]
    [InlineData("24:00-08:00 UTC")]
    [InlineData("08:00-25:00 UTC")]
    [InlineData("Mo-Fr 08:00-18:00 UTC")]
    [InlineData("08:00-18:00 Europe/Berln")]
    [InlineData("08:00-18:00 Mars/Olympus")]
    public void Hours_ThatAreNone_AreAnError(string hours) =>
        Assert.Single(Errors($"bindings: [ {{ who: [anyone], role: viewer, where: {{ temporal: a }}, when: {{ hours: \"{hours}\" }} }} ]"));

    [Theory]
    [InlineData("10.0.0.0/8", "10.255.1.2", true)]
    [InlineData("10.0.0.0/8", "11.0.0.1", false)]
    [InlineData("10.0.0.0/8", "::ffff:10.1.1.1", true)]
    [InlineData("::ffff:10.0.0.0/104", "10.1.1.1", true)]
    [InlineData("10.1.2.3", "10.1.2.3", true)]
    [InlineData("10.1.2.3", "10.1.2.4", false)]
    [InlineData("0.0.0.0/0", "255.255.255.255", true)]
    [InlineData("0.0.0.0/0", "2001:db8::1", false)]
    [InlineData("::/0", "2001:db8::1", true)]
    [InlineData("2001:db8::/32", "2001:db8:ffff::1", true)]
    [InlineData("2001:db8::/32", "2001:db9::1", false)]
    public void From_MatchesNetworks(string network, string source, bool expected)
    {
        var policy = Of($"bindings: [ {{ who: [anyone], role: viewer, where: {{ temporal: a }}, when: {{ from: [192.0.2.1, \"{network}\"] }} }} ]").For(User("alice"));
        Assert.Equal(expected, policy.Decide(On(Permission.WorkflowRead, "a"), Monday with { Source = IPAddress.Parse(source) }).IsAllowed);
    }

    [Theory]
    [InlineData("10")]
    [InlineData("10.0.0.1/8")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/-1")]
    [InlineData("example.com")]
    [InlineData("fe80::1%eth0")]
    public void From_ThatIsNoNetwork_IsAnError(string network) =>
        Assert.Single(Errors($"bindings: [ {{ who: [anyone], role: viewer, where: {{ temporal: a }}, when: {{ from: \"{network}\" }} }} ]"));

    [Fact]
    public void Circumstance_ThatIsNotKnown_CannotTell()
    {
        var allow = Of("bindings: [ { who: [anyone], role: viewer, where: { temporal: a }, when: { from: 10.0.0.0/8 } } ]").For(User("alice"));
        Assert.Equal(DecisionKind.CannotTell, allow.Decide(On(Permission.WorkflowRead, "a"), Monday with { Source = null }).Kind);
        Assert.Equal(DecisionKind.Deny, allow.Decide(On(Permission.WorkflowRead, "b"), Monday with { Source = null }).Kind);
        var deny = Of("bindings: [ { who: [anyone], role: viewer, where: { temporal: a } } ]\ndeny: [ { what: [\"*\"], when: { hours: \"00:00-06:00 UTC\" } } ]").For(User("alice"));
        Assert.Equal(DecisionKind.CannotTell, deny.Decide(On(Permission.WorkflowRead, "a"), Monday with { Now = default }).Kind);
        Assert.Equal(DecisionKind.Allow, deny.Decide(On(Permission.WorkflowRead, "a"), Monday).Kind);
    }

    [Theory]
    [InlineData("kind: human", true)]
    [InlineData("kind: [service, agent]", false)]
    [InlineData("claims: { amr: mfa }", true)]
    [InlineData("claims: { amr: [otp, pwd] }", true)]
    [InlineData("claims: { amr: mfa, acr: \"2*\" }", true)]
    [InlineData("claims: { amr: mfa, acr: \"1*\" }", false)]
    [InlineData("claims: { amr: otp }", false)]
    [InlineData("kind: human, from: 10.0.0.0/8, hours: \"09:00-10:00 Europe/Berlin\"", true)]
    [InlineData("kind: human, from: 10.0.0.0/8, hours: \"10:00-11:00 Europe/Berlin\"", false)]
    public void When_IsMetOnlyAsAWhole(string when, bool expected)
    {
        var policy = Of($"bindings: [ {{ who: [anyone], role: viewer, where: {{ temporal: a }}, when: {{ {when} }} }} ]");
        var caller = Make(CallerKind.Human, "alice", [], claims: """{ "amr": ["pwd", "mfa"], "acr": "20" }""");
        Assert.Equal(expected, policy.For(caller).Decide(On(Permission.WorkflowRead, "a"), Monday).IsAllowed);
    }

    [Theory]
    [InlineData("kind: robot")]
    [InlineData("claims: mfa")]
    [InlineData("claims: {}")]
    [InlineData("claims: { amr: [] }")]
    [InlineData("hour: x")]
    public void When_ThatMakesNoSense_IsAnError(string when) =>
        Assert.NotEmpty(Errors($"bindings: [ {{ who: [anyone], role: viewer, where: {{ temporal: a }}, when: {{ {when} }} }} ]"));
}
