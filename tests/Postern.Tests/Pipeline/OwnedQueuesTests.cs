using Postern.Model;
using Postern.Pipeline;
using Postern.Tests.Audit;

namespace Postern.Tests.Pipeline;

public sealed class OwnedQueuesTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Admit_QueueOfAnother_IsRefused_UntilNobodyNamedItForAnHour()
    {
        var queues = new OwnedQueues(_time);
        foreach (var call in new[] { Control("c"), Sticky("s") })
        {
            Assert.Null(queues.Admit("main", Of("a"), call, true));
            Assert.Equal(RefusalReason.NotAllowed, queues.Admit("main", Of("b"), call, true)?.Reason);
        }

        _time.Advance(TimeSpan.FromMinutes(59));
        Assert.Null(queues.Admit("main", Of("a"), Control("c"), true));
        _time.Advance(TimeSpan.FromMinutes(59));
        Assert.NotNull(queues.Admit("main", Of("b"), Control("c"), true));
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Null(queues.Admit("main", Of("b"), Control("c"), true));
        Assert.NotNull(queues.Admit("main", Of("a"), Control("c"), true));
    }

    [Fact]
    public void Admit_SameNameElsewhere_IsAnotherQueue()
    {
        var queues = new OwnedQueues(_time);
        Assert.Null(queues.Admit("main", Of("a"), Control("c"), true));
        Assert.Null(queues.Admit("second", Of("b"), Control("c"), true));
        Assert.Null(queues.Admit("main", Of("b"), Control("c", "ledger"), true));
    }

    // To close a queue, or to have word left on it, is to use it and not to own it.
    [Fact]
    public void Admit_CallThatIsNoPoll_OwnsNothing()
    {
        var queues = new OwnedQueues(_time);
        Assert.Null(queues.Admit("main", Of("b"), Control("c"), false));
        Assert.Null(queues.Admit("main", Of("a"), Control("c"), true));
        Assert.NotNull(queues.Admit("main", Of("b"), Control("c"), false));
        Assert.Null(queues.Admit("main", Of("a"), Control("c"), false));
    }

    // One call may name both: a sticky poll says where word is to be left.
    [Fact]
    public void Admit_StickyQueueOfTheOwn_WithTheControlQueueOfAnother_IsRefused()
    {
        var queues = new OwnedQueues(_time);
        Assert.Null(queues.Admit("main", Of("a"), Control("c"), true));
        var both = new Operation { Method = "PollWorkflowTaskQueue", Namespace = "payments", TaskQueue = "q", StickyQueue = "s", ControlQueue = "c", First = new Demand { Permission = Permission.WorkerPoll } };
        Assert.NotNull(queues.Admit("main", Of("b"), both, true));
    }

    private static Operation Control(string name, string ns = "payments") =>
        new() { Method = "PollNexusTaskQueue", Namespace = ns, ControlQueue = name, First = new Demand { Permission = Permission.WorkerPoll } };

    private static Operation Sticky(string name) =>
        new() { Method = "PollWorkflowTaskQueue", Namespace = "payments", TaskQueue = "q", StickyQueue = name, First = new Demand { Permission = Permission.WorkerPoll } };

    private static Caller Of(string subject) => new() { Kind = CallerKind.Service, Issuer = "issuer", Subject = subject, Name = "issuer/" + subject, DisplayName = subject };
}
