using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>Retry policies as the server reads them.</summary>
internal static class Retry
{
    /// <summary>The policy of an activity that names none.</summary>
    public static RetryPolicy Default() => new()
    {
        InitialInterval = Duration.FromTimeSpan(TimeSpan.FromSeconds(1)),
        BackoffCoefficient = 2,
        MaximumInterval = Duration.FromTimeSpan(TimeSpan.FromSeconds(100)),
    };

    /// <summary>The policy with what it leaves out filled in.</summary>
    public static RetryPolicy Complete(RetryPolicy? written)
    {
        if (written is null)
        {
            return Default();
        }

        var policy = written.Clone();
        if (Of(policy.InitialInterval) == TimeSpan.Zero)
        {
            policy.InitialInterval = Duration.FromTimeSpan(TimeSpan.FromSeconds(1));
        }

        if (policy.BackoffCoefficient == 0)
        {
            policy.BackoffCoefficient = 2;
        }

        if (Of(policy.MaximumInterval) == TimeSpan.Zero)
        {
            policy.MaximumInterval = Duration.FromTimeSpan(Of(policy.InitialInterval) * 100);
        }

        return policy;
    }

    /// <summary>When to try again after attempt number <paramref name="attempt"/>; or, with another state than in-progress, why not.</summary>
    public static (RetryState State, TimeSpan Wait) Next(RetryPolicy? policy, int attempt, Failure? failure, DateTimeOffset now, DateTimeOffset? deadline)
    {
        if (policy is null)
        {
            return (RetryState.RetryPolicyNotSet, default);
        }

        if (!IsRetryable(policy, failure))
        {
            return (RetryState.NonRetryableFailure, default);
        }

        if (policy.MaximumAttempts > 0 && attempt >= policy.MaximumAttempts)
        {
            return (RetryState.MaximumAttemptsReached, default);
        }

        var wait = failure?.ApplicationFailureInfo?.NextRetryDelay?.ToTimeSpan() ?? Interval(policy, attempt);
        return now + wait >= deadline ? (RetryState.Timeout, default) : (RetryState.InProgress, wait);
    }

    public static TimeSpan Of(Duration? duration) => duration?.ToTimeSpan() ?? TimeSpan.Zero;

    private static TimeSpan Interval(RetryPolicy policy, int attempt)
    {
        var seconds = Of(policy.InitialInterval).TotalSeconds * Math.Pow(policy.BackoffCoefficient, attempt - 1);
        var most = Of(policy.MaximumInterval).TotalSeconds;
        return TimeSpan.FromSeconds(most > 0 ? Math.Min(seconds, most) : Math.Min(seconds, TimeSpan.FromDays(365).TotalSeconds));
    }

    private static bool IsRetryable(RetryPolicy policy, Failure? failure) => failure?.FailureInfoCase switch
    {
        Failure.FailureInfoOneofCase.TerminatedFailureInfo or Failure.FailureInfoOneofCase.CanceledFailureInfo => false,
        Failure.FailureInfoOneofCase.TimeoutFailureInfo =>
            failure.TimeoutFailureInfo.TimeoutType is TimeoutType.StartToClose or TimeoutType.Heartbeat
            && !policy.NonRetryableErrorTypes.Contains("TemporalTimeout:" + failure.TimeoutFailureInfo.TimeoutType),
        Failure.FailureInfoOneofCase.ServerFailureInfo => !failure.ServerFailureInfo.NonRetryable,
        Failure.FailureInfoOneofCase.ApplicationFailureInfo =>
            !failure.ApplicationFailureInfo.NonRetryable && !policy.NonRetryableErrorTypes.Contains(failure.ApplicationFailureInfo.Type),
        _ => true,
    };
}
