namespace Postern.Tests;

/// <summary>Waits for what will be true, without saying when: only a far deadline fails.</summary>
internal static class Soon
{
    public static Task TrueAsync(Func<bool> condition) => TrueAsync(() => Task.FromResult(condition()));

    public static async Task TrueAsync(Func<Task<bool>> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!await condition())
        {
            Assert.False(deadline.IsCancellationRequested, "Still not so at the deadline.");
            await ticks.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }
}
