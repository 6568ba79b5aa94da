using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>
/// Every recorded request of every client goes through the gate to a stand-in that answers as recorded: the server receives the recorded request, and the client the
/// recorded answer, but for what <see cref="AllowedDifferences"/> lists.
/// </summary>
public sealed class RecordedPrefectTests(PrefectPlayback playback) : IClassFixture<PrefectPlayback>
{
    /// <summary>Recordings of clients that the gate doesn't know, or of requests that are wrong on purpose: <see cref="RefusedPrefectTests"/>.</summary>
    internal static readonly string[] Refused =
    [
        "http/auth-negative", "http/bodies-and-headers", "http/paths-and-methods", "sdk/auth-api-key-only", "sdk/auth-missing", "sdk/auth-wrong-password", "worker/auth-wrong-password",
    ];

    /// <summary>Requests that the gate answers itself.</summary>
    private static readonly Dictionary<string, (int Status, string Why)> OwnAnswers = new()
    {
        ["cli/api#9"] = (404, "no such operation"),
        ["sdk/rest-negative#9"] = (422, "a name that isn't text can't be judged; the server says 422 too, in other words"),
        ["sdk/rest-negative#28"] = (422, "a filter that can't be read can't be judged; the server says 403"),
        ["sdk/rest-negative#31"] = (422, "an id that is none can't be judged; the server says 422 too, in other words"),
        ["sdk/rest-write#23"] = (422, "a body of another shape can't be judged; the server says 422 too, in other words"),
        ["sdk/rest-negative#6"] = (404, "an id that is none is no path of the server's"),
        ["sdk/rest-negative#7"] = (404, "no such operation"),
        ["sdk/rest-negative#23"] = (404, "another method is another operation; the server says 405"),
        ["sdk/rest-negative#24"] = (404, "another method is another operation; the server says 405"),
    };

    public static TheoryData<string> Names => [.. RecordedPrefect.Names.Except(Refused)];

    [Theory]
    [MemberData(nameof(Names))]
    public Task Recording_ThroughTheGate_IsTheSameOnBothSides(string name) => PlayAsync(name, RecordedPrefect.ConfigurationOf(name), isBearer: false);

    /// <summary>Clients with <c>PREFECT_API_KEY</c>, or a header of their own, before a server that wants a bearer token.</summary>
    [Theory]
    [InlineData("cli/deployment")]
    [InlineData("runner/serve")]
    [InlineData("sdk/custom-headers")]
    [InlineData("sdk/rest-write")]
    [InlineData("ui-v2/dashboard-idle")]
    [InlineData("worker/auth-worker")]
    public Task Recording_WithBearerOnBothSides_IsTheSame(string name) => PlayAsync(name, "bearer", isBearer: true);

    private async Task PlayAsync(string name, string configuration, bool isBearer)
    {
        var gate = playback[configuration];
        var authorization = playback.Authorization(configuration, name, isBearer);
        // Upgrades that were refused are the sockets' test.
        var requests = RecordedPrefect.Read(name).OfType<RecordedRequest>().Where(request => request.Header("upgrade") is null).ToList();
        var problems = new List<string>();
        using var connections = new Connections(gate.Address);
        foreach (var recorded in requests)
        {
            problems.AddRange((await PlayAsync(gate, connections, recorded, AtTheGate.RequestOf(recorded, authorization), PrefectPlayback.CredentialOf(configuration))).Select(problem => $"{recorded}: {problem}"));
        }

        Assert.True(problems.Count == 0, $"{problems.Count} problems in {requests.Count} requests:\n" + string.Join('\n', problems.Take(10)));
        Assert.NotEmpty(requests);
    }

    private static async Task<IEnumerable<string>> PlayAsync(PrefectGate gate, Connections connections, RecordedRequest recorded, WireMessage sent, string? credential)
    {
        var caller = PrefectPlayback.CallerOf(recorded.File);
        gate.Server.Forget();
        gate.Server.Script = _ => AtTheGate.AnswerOf(recorded);
        var connection = await connections.OfAsync(recorded);
        await connection.SendAsync(sent);
        if (recorded.GivenUp)
        {
            await Eventually.TrueAsync(() => gate.Server.Requests.Count == 1, recorded.ToString);
            connections.Drop(recorded);
            var arrived = gate.Server.Requests.Single();
            await arrived.Ended.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
            return AllowedDifferences.OfRequest(recorded, sent, arrived.Message, credential, caller);
        }

        var answer = await connection.AnswerAsync(recorded.Method);
        connections.Done(recorded);
        if (OwnAnswers.TryGetValue($"{recorded.File}#{recorded.Seq}", out var own))
        {
            return gate.Server.Requests.Count == 0 && answer.Status == own.Status ? [] : [$"{gate.Server.Requests.Count} requests at the server, {answer.Start}, but {own.Why}"];
        }

        // Where the server breaks off, the platform asks for the same again if that changes nothing.
        var isRepeated = recorded is { Answer: null, Method: "GET" } && gate.Server.Requests.Count > 1;
        return gate.Server.Requests is [var one, ..] && (isRepeated || gate.Server.Requests.Count == 1)
            ? AllowedDifferences.OfRequest(recorded, sent, one.Message, credential, caller).Concat(AtTheGate.OfAnswer(recorded, answer))
            : [$"the server saw {gate.Server.Requests.Count} requests, {string.Join("; ", gate.Server.Requests.Select(request => request.Message.Start))}; the client got {answer.Start} {System.Text.Encoding.UTF8.GetString(answer.Body.AsSpan(0, Math.Min(300, answer.Body.Length)))}"];
    }
}
