using System.Collections.Concurrent;
using System.Globalization;
using Google.Protobuf;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// Two gates behind a balancer, restarted one after the other while the engine hands out tasks: each task that it gave away arrives at one poller, and no poll ends
/// otherwise than with a task, with none, or with what clients try again.
/// </summary>
public sealed class RollingRestartLosesNoPoll : IDisposable
{
    private const int Pollers = 40;

    private readonly SemaphoreSlim _tasks = new(0);
    private readonly ConcurrentQueue<int> _arrived = new();
    private int _given;
    private int _brokenOff;

    public void Dispose() => _tasks.Dispose();

    [Fact]
    public async Task TasksHandedOutMeanwhile_ArriveOnceEach()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var engine = await StubEngine.StartAsync(_ => new StubAnswer { Later = HandOutAsync });
        var setup = new GateSetup { Issuer = issuer, EngineAddresses = $"\"{engine.Address}\"", Grace = "30s" };
        await using var first = await Gate.StartAsync(setup);
        await using var second = await Gate.StartAsync(setup with { KeysOf = first.Folder });
        await using var balancer = new Balancer(first.GrpcAddress, second.GrpcAddress);
        using var stop = new CancellationTokenSource();
        var polling = Enumerable.Range(0, Pollers).Select(_ => PollAsync(first, balancer, issuer.Token("worker"), stop.Token)).ToList();
        await Eventually.TrueAsync(() => engine.Open == Pollers);
        var feeding = FeedAsync(stop.Token);

        foreach (var gate in new[] { first, second })
        {
            var before = Volatile.Read(ref _given);
            await gate.RollAsync();
            balancer.Targets = [first.GrpcAddress, second.GrpcAddress];
            // Polls go on through the other one, and come back.
            await Eventually.TrueAsync(() => Volatile.Read(ref _given) > before + 200);
        }

        await stop.CancelAsync();
        await feeding;
        await Task.WhenAll(polling).WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(1, _given), _arrived.Order());
        Assert.Equal(0, _brokenOff);
    }

    // Gives a task away as soon as there is one, as a queue does, and none after a while, as it does after a minute. Given away is given away, whether or not its poller still stands there.
    private async Task<StubAnswer> HandOutAsync(CancellationToken gone)
    {
        if (!await _tasks.WaitAsync(TimeSpan.FromMilliseconds(500), gone))
        {
            return StubAnswer.Ok();
        }

        var number = Interlocked.Increment(ref _given).ToString(CultureInfo.InvariantCulture);
        return StubAnswer.Ok(new PollActivityTaskQueueResponse { TaskToken = ByteString.CopyFromUtf8(number), ActivityId = number }.ToByteArray());
    }

    private async Task FeedAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            _tasks.Release(3);
            await Task.Delay(2, CancellationToken.None);
        }
    }

    private async Task PollAsync(Gate gate, Balancer balancer, string token, CancellationToken stop)
    {
        using var client = new GrpcClient(balancer.Address);
        var poll = new PollActivityTaskQueueRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = "payments" } }.ToByteArray();
        while (!stop.IsCancellationRequested)
        {
            GrpcResult result;
            try
            {
                result = await client.CallAsync("PollActivityTaskQueue", poll, token, CancellationToken.None, ("grpc-timeout", "20S"));
            }
            catch (HttpRequestException)
            {
                // A stream that breaks off is UNAVAILABLE to gRPC's clients; what was in it is lost.
                Interlocked.Increment(ref _brokenOff);
                continue;
            }

            Assert.True(result.Status is 0 or GrpcCode.Unavailable, result.Message);
            if (result.Status == 0 && PollActivityTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(result.Body)).TaskToken is { IsEmpty: false } task)
            {
                Assert.NotNull(gate.Sealing.Open(task.Span, out var length));
                _arrived.Enqueue(int.Parse(task.Span[..length], CultureInfo.InvariantCulture));
            }
        }
    }
}
