using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>Whole recorded sessions of real SDKs, worker included: the engine answers as the server did and writes the same histories.</summary>
[Collection(nameof(RecordedSessions))]
public sealed class RecordedSessionTests
{
    [Theory]
    [InlineData("python/workflow_activity")]
    [InlineData("python/timers_signals_queries")]
    [InlineData("python/updates")]
    [InlineData("python/child_external")]
    [InlineData("python/heartbeat")]
    [InlineData("python/lifecycle")]
    [InlineData("python/local_patch_memo")]
    [InlineData("python/codec_encryption")]
    [InlineData("typescript/basics")]
    [InlineData("typescript/default_server_basics")]
    [InlineData("go/basics")]
    [InlineData("go/cross_namespace_refused")]
    [InlineData("go/nexus")]
    [InlineData("python/signal_with_start_from_workflow")]
    [InlineData("python/api_key")]
    [InlineData("python/headers_and_metadata")]
    [InlineData("python/errors")]
    [InlineData("python/default_server_workflow_activity")]
    [InlineData("typescript/api_key")]
    [InlineData("typescript/errors")]
    [InlineData("go/api_key")]
    [InlineData("go/errors")]
    public async Task Session_Played_IsAnsweredAsRecorded(string name)
    {
        var differences = await SessionReplay.PlayAsync(name, IsAnswered);

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    // Visibility is eventually consistent on the server, and what the engine doesn't do is in docs/dev-engine.md.
    private static bool IsAnswered(RecordedCall call) => call.Operation is not
        ("ListWorkflowExecutions" or "CountWorkflowExecutions" or "ResetWorkflowExecution");
}

/// <summary>Alone on the machine: a recording holds what its worker did in which order, and tasks time out as they did then.</summary>
[CollectionDefinition(nameof(RecordedSessions), DisableParallelization = true)]
public sealed class RecordedSessions;
