using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;

namespace Postern.Tests.Dev.Engine.Runs;

public sealed class RetryTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(5, 16)]
    [InlineData(8, 100)]
    [InlineData(500, 100)]
    public void Next_ByDefault_DoublesUpToAHundredSeconds(int attempt, int seconds) =>
        Assert.Equal((RetryState.InProgress, TimeSpan.FromSeconds(seconds)), Retry.Next(Retry.Default(), attempt, Application("X"), Now, null));

    [Fact]
    public void Next_WithoutAPolicy_IsNever() => Assert.Equal(RetryState.RetryPolicyNotSet, Retry.Next(null, 1, Application("X"), Now, null).State);

    [Fact]
    public void Next_AfterTheLastAttempt_IsNever()
    {
        var policy = Retry.Complete(new RetryPolicy { MaximumAttempts = 3 });

        Assert.Equal(RetryState.InProgress, Retry.Next(policy, 2, Application("X"), Now, null).State);
        Assert.Equal(RetryState.MaximumAttemptsReached, Retry.Next(policy, 3, Application("X"), Now, null).State);
    }

    [Fact]
    public void Next_PastTheDeadline_IsATimeout()
    {
        Assert.Equal(RetryState.Timeout, Retry.Next(Retry.Default(), 1, Application("X"), Now, Now.AddSeconds(1)).State);
        Assert.Equal(RetryState.InProgress, Retry.Next(Retry.Default(), 1, Application("X"), Now, Now.AddSeconds(2)).State);
    }

    [Fact]
    public void Next_OfWhatNobodyRetries_IsNever()
    {
        var policy = Retry.Complete(new RetryPolicy { NonRetryableErrorTypes = { "Refused" } });
        Failure[] failures =
        [
            Application("Refused"),
            new() { ApplicationFailureInfo = new ApplicationFailureInfo { Type = "X", NonRetryable = true } },
            new() { CanceledFailureInfo = new CanceledFailureInfo() },
            new() { TerminatedFailureInfo = new TerminatedFailureInfo() },
            new() { ServerFailureInfo = new ServerFailureInfo { NonRetryable = true } },
            new() { TimeoutFailureInfo = new TimeoutFailureInfo { TimeoutType = TimeoutType.ScheduleToClose } },
        ];

        Assert.All(failures, f => Assert.Equal(RetryState.NonRetryableFailure, Retry.Next(policy, 1, f, Now, null).State));
        Assert.Equal(RetryState.InProgress, Retry.Next(policy, 1, Application("Other"), Now, null).State);
    }

    [Fact]
    public void Next_WhenTheFailureNamesADelay_IsThat()
    {
        var failure = Application("X");
        failure.ApplicationFailureInfo.NextRetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(7));

        Assert.Equal(TimeSpan.FromSeconds(7), Retry.Next(Retry.Default(), 4, failure, Now, null).Wait);
    }

    [Fact]
    public void Complete_OfAPartialPolicy_FillsInWhatTheServerDoes()
    {
        var policy = Retry.Complete(new RetryPolicy { InitialInterval = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(100)) });

        Assert.Equal(2, policy.BackoffCoefficient);
        Assert.Equal(TimeSpan.FromSeconds(10), policy.MaximumInterval.ToTimeSpan());
    }

    private static Failure Application(string type) => new() { ApplicationFailureInfo = new ApplicationFailureInfo { Type = type } };
}
