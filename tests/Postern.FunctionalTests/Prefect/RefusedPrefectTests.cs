namespace Postern.FunctionalTests.Prefect;

/// <summary>
/// The recorded requests that are odd or wrong on purpose, and those of clients without a right credential: for each one, whether the gate passes it, and if not, what
/// it says instead. What stands in no list here passes and is the same on both sides.
/// </summary>
public sealed class RefusedPrefectTests(PrefectPlayback playback) : IClassFixture<PrefectPlayback>
{
    /// <summary>Refused by the gate, whatever the server says.</summary>
    private static readonly Dictionary<string, (int Status, string Why)> s_refused = new()
    {
        // Of a caller who is known, in paths, methods and bodies.
        ["http/bodies-and-headers#2"] = (422, "the server would take the body as absent and answer unfiltered"),
        ["http/bodies-and-headers#3"] = (422, "the server would take the body as absent and answer unfiltered"),
        ["http/bodies-and-headers#4"] = (422, "not JSON: the server says 422 too, in other words"),
        ["http/bodies-and-headers#6"] = (422, "a body of another shape can't be judged; the server says 422 too, in other words"),
        ["http/bodies-and-headers#16"] = (404, "one form of a path is one operation; the server redirects"),
        ["http/paths-and-methods#2"] = (404, "HEAD of a route that knows GET; the server says 405"),
        ["http/paths-and-methods#5"] = (404, "one form of a path is one operation; the server redirects"),
        ["http/paths-and-methods#6"] = (404, "one form of a path is one operation; the server redirects"),
        ["http/paths-and-methods#7"] = (404, "one form of a path is one operation; the server redirects"),
        ["http/paths-and-methods#8"] = (422, "an empty segment; the server knows no such path"),
        ["http/paths-and-methods#9"] = (422, "an empty segment; the server knows no such path"),
        ["http/paths-and-methods#10"] = (422, "a dot segment; the server knows no such path"),
        ["http/paths-and-methods#11"] = (422, "a slash in disguise; the server knows no such path"),
        ["http/paths-and-methods#13"] = (400, "a null byte: the HTTP server itself refuses it"),
        ["http/paths-and-methods#14"] = (422, "a slash in disguise; the server knows no such path"),
        ["http/paths-and-methods#15"] = (422, "a semicolon; the server takes it as part of a name"),
        ["http/paths-and-methods#16"] = (404, "no such operation, as with the server"),
        ["http/paths-and-methods#18"] = (404, "an id in braces is none, as with the server"),
        ["http/paths-and-methods#19"] = (404, "another method is another operation; the server says 405"),
        ["http/paths-and-methods#20"] = (404, "another method is another operation; the server says 405"),
        ["http/paths-and-methods#21"] = (404, "a page of another origin gets no leave to call: the server gives it to all"),
        ["http/paths-and-methods#23"] = (404, "another method is another operation; the server says 405"),
        ["http/paths-and-methods#24"] = (404, "another method is another operation; the server says 405"),
        ["http/paths-and-methods#33"] = (404, "no such operation, as with the server"),
        ["http/paths-and-methods#41"] = (404, "no such operation, as with the server"),
        ["http/paths-and-methods#42"] = (404, "no such operation, as with the server"),
        // Of nobody: what is no operation is so before anybody is asked who he is.
        ["http/auth-negative#11"] = (404, "no such operation; the server asks for a password first"),
        ["http/auth-negative#13"] = (404, "one form of a path is one operation; the server asks for a password first"),
        ["http/auth-negative#23"] = (404, "a page of another origin gets no leave to call: the server gives it to all"),
        ["http/auth-negative#24"] = (404, "another method is another operation; the server asks for a password first"),
    };

    /// <summary>Sent on in the one form in which they were judged.</summary>
    private static readonly Dictionary<string, string> s_rewritten = new()
    {
        ["http/paths-and-methods#12"] = "/api/flows/name/etl",
        ["http/paths-and-methods#17"] = "/api/flows/00000000-0000-0000-0000-000000000000",
    };

    /// <summary>What nobody needs to be known for.</summary>
    private static readonly HashSet<string> s_open = ["http/auth-negative#1", "http/auth-negative#2"];

    public static TheoryData<string> Names => [.. RecordedPrefectTests.Refused];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Recording_OfOddRequests_IsAnsweredAsListed(string name)
    {
        var configuration = RecordedPrefect.ConfigurationOf(name);
        var isKnown = name is "http/bodies-and-headers" or "http/paths-and-methods";
        var problems = new List<string>();
        foreach (var recorded in RecordedPrefect.Read(name).OfType<RecordedRequest>().Where(request => !AtTheGate.IsNoRequest(request)))
        {
            var key = $"{name}#{recorded.Seq}";
            var sent = isKnown ? AtTheGate.RequestOf(recorded, playback.Authorization(configuration, name, isBearer: false)) : AtTheGate.RequestOf(recorded);
            var expected = s_refused.TryGetValue(key, out var refused) ? refused : isKnown || s_open.Contains(key) ? default : (401, "who it is can't be told");
            problems.AddRange((await PlayAsync(playback[configuration], recorded, sent, expected, PrefectPlayback.CredentialOf(configuration))).Select(problem => $"{recorded}: {problem}"));
        }

        Assert.True(problems.Count == 0, $"{problems.Count} problems:\n" + string.Join('\n', problems));
    }

    [Fact]
    public void Lists_NameOnlyRequestsThatExist()
    {
        var all = RecordedPrefectTests.Refused.SelectMany(RecordedPrefect.Read).Select(exchange => $"{exchange.File}#{exchange.Seq}").ToHashSet();
        Assert.Empty(s_refused.Keys.Concat(s_rewritten.Keys).Concat(s_open).Except(all));
    }

    private static async Task<IEnumerable<string>> PlayAsync(PrefectGate gate, RecordedRequest recorded, WireMessage sent, (int Status, string Why) refused, string? credential)
    {
        gate.Server.Forget();
        gate.Server.Script = _ => AtTheGate.AnswerOf(recorded);
        using var connection = await PrefectConnection.OpenAsync(gate.Address);
        await connection.SendAsync(sent);
        var answer = await connection.AnswerAsync(recorded.Method);
        if (refused.Status != 0)
        {
            return gate.Server.Requests.Count == 0 && answer.Status == refused.Status ? [] : [$"{gate.Server.Requests.Count} requests at the server, {answer.Start}, but {refused.Why}"];
        }

        if (gate.Server.Requests is not [var arrived])
        {
            return [$"{gate.Server.Requests.Count} requests at the server, {answer.Start}"];
        }

        var judged = s_rewritten.TryGetValue($"{recorded.File}#{recorded.Seq}", out var target) ? recorded with { Target = target } : recorded;
        return AllowedDifferences.OfRequest(judged, sent, arrived.Message, credential, PrefectPlayback.CallerOf(recorded.File)).Concat(AtTheGate.OfAnswer(recorded, answer));
    }
}
