namespace Postern.FunctionalTests.Infrastructure;

/// <summary>One call as it arrived at the stand-in engine.</summary>
internal sealed record ArrivedCall(
    string ConnectionId, string Method, string Target, IReadOnlyList<(string Name, string Value)> Headers, byte[] Body, bool Whole)
{
    /// <summary>The method's last word: <c>StartWorkflowExecution</c>.</summary>
    public string Operation => Target[(Target.LastIndexOf('/') + 1)..];

    public byte[] Message => GrpcFrame.Message(Body);

    public string? Header(string name) => Headers.Where(header => header.Name == name).Select(header => header.Value).SingleOrDefault();

    /// <summary>Done when the caller gave the call up or its answer is out.</summary>
    public required Task Ended { get; init; }
}
