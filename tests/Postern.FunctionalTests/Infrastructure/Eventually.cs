namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Waits for what will be true, without saying when: only a far deadline fails.</summary>
internal static class Eventually
{
    public static async Task TrueAsync(Func<bool> condition, Func<string>? otherwise = null)
    {
        using var deadline = new CancellationTokenSource(RawHttp2.Deadline);
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!condition())
        {
            if (deadline.IsCancellationRequested)
            {
                Assert.Fail("Still not so at the deadline: " + (otherwise?.Invoke() ?? "the condition"));
            }

            await ticks.WaitForNextTickAsync();
        }
    }

    public static async Task<T> AnswersAsync<T>(Func<Task<T>> ask, Func<T, bool> until, Func<T, string>? otherwise = null)
    {
        using var deadline = new CancellationTokenSource(RawHttp2.Deadline);
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            var answer = await ask();
            if (until(answer))
            {
                return answer;
            }

            if (deadline.IsCancellationRequested)
            {
                Assert.Fail("Still not so at the deadline: " + (otherwise?.Invoke(answer) ?? answer?.ToString()));
            }

            await ticks.WaitForNextTickAsync();
        }
    }
}
