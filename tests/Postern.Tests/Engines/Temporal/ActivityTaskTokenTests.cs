using Postern.Dev.Engine.Runs;
using Postern.Engines.Temporal;

namespace Postern.Tests.Engines.Temporal;

public sealed class ActivityTaskTokenTests
{
    private static readonly TaskToken s_token = new()
    {
        NamespaceId = "0f6e7a9c", WorkflowId = "w-1", RunId = "r-1", ScheduledEventId = 5, Attempt = 3, ActivityId = "a-1", WorkflowType = "Refund", ActivityType = "charge", StartedTime = DateTimeOffset.UnixEpoch,
    };

    [Fact]
    public void Read_TheServersToken_NamesTheAttempt() => Assert.Equal(new ActivityTaskToken("w-1", "r-1", "a-1", "charge", 3), ActivityTaskToken.Read(s_token.ToBytes().Span));

    [Fact]
    public void Read_FieldsTwice_TheLastCounts_AsToTheServer() =>
        Assert.Equal(4, ActivityTaskToken.Read([.. s_token.ToBytes().Span, 5 << 3, 4])!.Attempt);

    [Fact]
    public void Read_WithoutAName_OrAnAttempt_IsNone()
    {
        TaskToken[] bad = [s_token with { WorkflowId = "" }, s_token with { RunId = "" }, s_token with { ActivityId = "" }, s_token with { ActivityType = "" }, s_token with { Attempt = 0 }, s_token with { Attempt = -1 }];

        Assert.All(bad, token => Assert.Null(ActivityTaskToken.Read(token.ToBytes().Span)));
    }

    [Fact]
    public void Read_OfAnActivityWithoutAWorkflow_IsNone() => Assert.Null(ActivityTaskToken.Read([.. s_token.ToBytes().Span, (14 << 3) | 2, 1, 7]));

    [Fact]
    public void Read_WhatIsCutOrNoText_IsNone()
    {
        var whole = s_token.ToBytes().ToByteArray();

        Assert.Null(ActivityTaskToken.Read(whole.AsSpan(0, whole.Length - 1)));
        Assert.Null(ActivityTaskToken.Read([.. whole, (2 << 3) | 2, 1, 0xff]));
        Assert.Null(ActivityTaskToken.Read([.. whole, 0]));
        Assert.Null(ActivityTaskToken.Read("engine"u8));
        Assert.Null(ActivityTaskToken.Read([]));
    }
}
