using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Postern.Engines.Temporal;
using Postern.Model;
using Postern.Pipeline;
using Temporalio.Api.Activity.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Tests.Pipeline;

public sealed class AttemptLensTests
{
    private static readonly DateTimeOffset s_started = new DateTimeOffset(2026, 11, 28, 10, 15, 0, TimeSpan.Zero).AddTicks(1_234_567);
    private static readonly AttemptLens s_lens = new(TemporalCatalogue.Load(null).Methods.Single(m => m.Name is "DescribeWorkflowExecution").Answer);

    [Theory]
    [InlineData(2, "Running")]
    [InlineData(3, "Stopping")]
    [InlineData(5, "Stopping")]
    [InlineData(0, "Ended")]
    [InlineData(1, "Ended")]
    [InlineData(4, "Ended")]
    [InlineData(9, "Ended")]
    public void State_OfTheAttempt_IsWhatItIsWithItsWorker(int pending, string state) => Assert.Equal(state, Read(activity => activity.State = (PendingActivityState)pending)?.State.ToString());

    [Theory]
    [InlineData(1, true)]
    [InlineData(8, true)]
    [InlineData(0, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(4, false)]
    [InlineData(5, false)]
    [InlineData(6, false)]
    [InlineData(7, false)]
    [InlineData(9, false)]
    public void RunThatIsClosed_HasNoAttempts_WhateverItStillLists(int status, bool runs) => Assert.Equal(runs, Read(status: (WorkflowExecutionStatus)status)!.State == AttemptState.Running);

    [Fact]
    public void AnotherAttempt_AnotherActivity_IsNotIt()
    {
        Assert.Equal(AttemptState.Ended, Read(activity => activity.Attempt = 3)!.State);
        Assert.Equal(AttemptState.Ended, Read(activity => activity.ActivityId = "a-11")!.State);
    }

    [Fact]
    public void AnotherRun_IsNoAnswer()
    {
        Assert.Null(Read(run: "r-2"));
        Assert.Null(Read(run: ""));
        Assert.Null(s_lens.Read([0xff], "r-1", "a-1", 2));
    }

    [Fact]
    public void Started_IsTheEnginesMoment_AndHoldsOnlyForThatOne()
    {
        var facts = Read()!;

        Assert.Equal(s_started, facts.Started);
        Assert.True(facts.IsStill(Task(s_started)));
        Assert.False(facts.IsStill(Task(s_started.AddTicks(1))));
        Assert.False(AttemptLens.Ended.IsStill(Task(default)));
        Assert.Null(Read(activity => activity.LastStartedTime = null));
        Assert.Null(Read(activity => activity.LastStartedTime = new Timestamp { Seconds = -1 }));
        Assert.Null(Read(activity => activity.LastStartedTime = new Timestamp { Seconds = long.MaxValue }));
        Assert.Null(Read(activity => activity.LastStartedTime = new Timestamp { Seconds = 1, Nanos = -1 }));
    }

    [Fact]
    public void Ends_IsTheEarlierOfBothTimeOuts_AndUnknownWithoutTheAttempts()
    {
        Assert.Equal(s_started.AddSeconds(30), Read()!.Ends);
        Assert.Equal(s_started.AddSeconds(20), Read(activity => activity.ExpirationTime = Timestamp.FromDateTimeOffset(s_started.AddSeconds(20)))!.Ends);
        Assert.Equal(s_started.AddSeconds(30), Read(activity => activity.ExpirationTime = Timestamp.FromDateTimeOffset(s_started.AddSeconds(40)))!.Ends);
        Assert.Null(Read(activity => activity.ActivityOptions.StartToCloseTimeout = new Duration())!.Ends);
        Assert.Null(Read(activity => activity.ActivityOptions.StartToCloseTimeout = new Duration { Seconds = long.MaxValue })!.Ends);
        Assert.Null(Read(activity => (activity.ActivityOptions, activity.ExpirationTime) = (null, Timestamp.FromDateTimeOffset(s_started.AddSeconds(20))))!.Ends);
    }

    private static BoundTask Task(DateTimeOffset started) => new()
    {
        Engine = "main", Namespace = "payments", WorkflowId = "w-1", RunId = "r-1", ActivityId = "a-1", ActivityType = "charge", Attempt = 2, Started = started,
    };

    private static AttemptFacts? Read(Action<PendingActivityInfo>? with = null, WorkflowExecutionStatus status = WorkflowExecutionStatus.Running, string run = "r-1")
    {
        var activity = new PendingActivityInfo
        {
            ActivityId = "a-1", State = PendingActivityState.Started, Attempt = 2, LastStartedTime = Timestamp.FromDateTimeOffset(s_started),
            ActivityOptions = new ActivityOptions { StartToCloseTimeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(30)) },
        };
        with?.Invoke(activity);
        var answer = new DescribeWorkflowExecutionResponse
        {
            WorkflowExecutionInfo = new WorkflowExecutionInfo { Execution = new WorkflowExecution { RunId = run }, Status = status },
            PendingActivities = { new PendingActivityInfo { ActivityId = "a-0", Attempt = 2, State = PendingActivityState.Started }, activity },
        };
        return s_lens.Read(answer.ToByteArray(), "r-1", "a-1", 2);
    }
}
