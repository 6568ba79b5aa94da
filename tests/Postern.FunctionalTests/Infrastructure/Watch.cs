namespace Postern.FunctionalTests.Infrastructure;

/// <summary>What the engine saw since a moment, and what the record says of a call: the two things that every refusal is checked against.</summary>
/// <param name="gate">The gate.</param>
/// <param name="except">An operation of which calls may still be arriving: polls that an earlier case left behind.</param>
internal sealed class Watch(Gate gate, string except = "")
{
    private readonly int _calls = Count(gate, except);

    /// <summary>The one record of the call whose refusal said <paramref name="message"/>; waits for it, since reads are written in batches.</summary>
    public Task<AuditLine> RecordAsync(string message)
    {
        var at = message.LastIndexOf("[call ", StringComparison.Ordinal);
        Assert.True(at >= 0 && message.EndsWith(']'), $"the text names no call: {message}");
        return RecordOfAsync(message[(at + "[call ".Length)..^1]);
    }

    /// <summary>The one record of a call that reached the engine.</summary>
    public Task<AuditLine> RecordAsync(ArrivedCall call) => RecordOfAsync(call.Header("x-postern-call-id")!);

    /// <summary>The engine saw nothing, and the record names the reason and the status that the caller got.</summary>
    public async Task<AuditLine> RefusedAsync(string message, string reason, int status)
    {
        var record = await RecordAsync(message);
        Assert.Equal((reason, status.ToString()), (record["refusal"], record["status"]));
        EngineSawNothing();
        return record;
    }

    public void EngineSawNothing() => Assert.Equal(_calls, Count(gate, except));

    private static int Count(Gate gate, string except) => gate.Engine.Calls.Count(call => call.Operation != except);

    private async Task<AuditLine> RecordOfAsync(string id)
    {
        List<AuditLine> Found() => [.. gate.Audit.Records().Where(record => record.CallId == id)];
        await Eventually.TrueAsync(() => Found().Count > 0, () => $"no record of {id}");
        return Assert.Single(Found());
    }
}

/// <summary>One ordinary gate for all cases of a class, which run one after another.</summary>
public sealed class GateFixture : IAsyncLifetime
{
    internal Gate Gate { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Gate = await Gate.StartAsync();

    public ValueTask DisposeAsync() => Gate.DisposeAsync();
}
