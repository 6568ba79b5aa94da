using System.Text.Json.Nodes;

namespace Postern.FunctionalTests.Prefect;

/// <summary>
/// All in which the two sides of the gate may differ: a closed list, written by hand, so that whatever else the gate takes, adds or changes is found. Names of
/// headers are compared without their case, which HTTP says means nothing, and without the order of different names, which the platform keeps its own.
/// </summary>
internal static class AllowedDifferences
{
    /// <summary>The label under which the gate writes who created a run.</summary>
    public const string CallerLabel = "postern.caller";

    /// <summary>Ends at the gate: hop by hop, a client's word on where it comes from, and what the server takes for the word of its own automations.</summary>
    private static readonly HashSet<string> s_dropped = new(StringComparer.OrdinalIgnoreCase)
    {
        "connection", "transfer-encoding", "expect", "upgrade", "http2-settings", "x-forwarded-proto", "x-forwarded-host", "prefect-automation-id", "prefect-automation-name",
    };

    /// <summary>Of a person: which worker, flow and deployment calls is said by workers and flows.</summary>
    private static readonly HashSet<string> s_attribution = new(StringComparer.OrdinalIgnoreCase)
    {
        "x-prefect-worker-id", "x-prefect-worker-name", "x-prefect-flow-id", "x-prefect-flow-name", "x-prefect-deployment-id", "x-prefect-deployment-name",
    };

    /// <summary>The gate's own: where the call comes from, its id and trace.</summary>
    private static readonly string[] s_added = ["x-forwarded-proto", "x-forwarded-for", "traceparent", "x-postern-call-id"];

    /// <summary>Of an answer: the date, and how the connection and the bytes on it are framed.</summary>
    private static readonly HashSet<string> s_ownOfAnswers = new(StringComparer.OrdinalIgnoreCase) { "date", "connection", "transfer-encoding" };

    /// <summary>Operations that create runs, on which the gate writes the caller's name.</summary>
    private static readonly HashSet<string> s_stamped = ["POST /api/flow_runs/", "POST /api/deployments/{id}/create_flow_run", "POST /api/deployments/{id}/create_flow_run/bulk"];

    /// <summary>What differs, beyond the list, between what a client sent and what reached the server.</summary>
    /// <param name="recorded">The recorded request.</param>
    /// <param name="sent">What was sent to the gate.</param>
    /// <param name="arrived">What reached the server.</param>
    /// <param name="credential">What the gate presents; null: nothing.</param>
    /// <param name="caller">The caller's name, and whether it is a person's.</param>
    public static IEnumerable<string> OfRequest(RecordedExchange recorded, WireMessage sent, WireMessage arrived, string? credential, (string Name, bool IsHuman) caller)
    {
        if (arrived.Start != $"{recorded.Method} {recorded.Target} HTTP/1.1")
        {
            yield return $"arrived as {arrived.Start}";
        }

        if (arrived.Header("authorization") != credential)
        {
            yield return $"the gate presents {arrived.Header("authorization")}";
        }

        foreach (var name in s_added.Where(name => arrived.Headers.Count(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) != 1))
        {
            yield return $"not exactly one {name}";
        }

        // A body that the gate has read goes out at its length.
        var isStamped = s_stamped.Contains($"{recorded.Method} {recorded.Route}");
        var isMeasured = isStamped || WireMessage.IsChunked(sent.Headers);
        var expected = Sorted(sent.Headers.Where(header => !s_dropped.Contains(header.Name) && !(caller.IsHuman && s_attribution.Contains(header.Name))).Select(Kept).OfType<(string, string)>(), isMeasured);
        var got = Sorted(arrived.Headers.Where(header => !s_added.Contains(header.Name.ToLowerInvariant()) && !IsFraming(header)), isMeasured);
        if (!expected.SequenceEqual(got))
        {
            yield return $"headers: not there [{string.Join(", ", expected.Except(got))}], there but not sent [{string.Join(", ", got.Except(expected))}]";
        }

        foreach (var problem in isStamped ? OfStampedBody(sent.Body, arrived.Body, caller.Name) : sent.Body.AsSpan().SequenceEqual(arrived.Body) ? [] : new[] { "another body" })
        {
            yield return problem;
        }
    }

    /// <summary>What differs, beyond the list, between the server's answer and what reached the client.</summary>
    public static IEnumerable<string> OfAnswer(WireMessage recorded, WireMessage answer, bool isHead)
    {
        // A reason that was left out the platform puts in.
        if (answer.Status != recorded.Status || (recorded.Reason.Length > 0 && answer.Reason != recorded.Reason))
        {
            yield return $"answered {answer.Start} {System.Text.Encoding.UTF8.GetString(answer.Body.AsSpan(0, Math.Min(300, answer.Body.Length)))} for {recorded.Start}";
            yield break;
        }

        var expected = Sorted(recorded.Headers.Where(header => !s_ownOfAnswers.Contains(header.Name)));
        var got = Sorted(answer.Headers.Where(header => !s_ownOfAnswers.Contains(header.Name)));
        if (!expected.SequenceEqual(got))
        {
            yield return $"answer's headers: not there [{string.Join(", ", expected.Except(got))}], there but not sent [{string.Join(", ", got.Except(expected))}]";
        }

        if (!isHead && !recorded.Body.AsSpan().SequenceEqual(answer.Body))
        {
            yield return $"another body: {answer.Body.Length} B for {recorded.Body.Length}";
        }
    }

    // The UI's choice of its version is the one cookie that is the server's.
    private static (string, string)? Kept((string Name, string Value) header) => header.Name.ToLowerInvariant() switch
    {
        "authorization" => null,
        "cookie" => header.Value.Split(';', StringSplitOptions.TrimEntries).FirstOrDefault(cookie => cookie.StartsWith("prefect_ui_version=", StringComparison.Ordinal)) is { } kept ? (header.Name, kept) : null,
        // What has no body has no length; the platform says so or leaves it out.
        _ when IsFraming(header) => null,
        _ => header,
    };

    private static bool IsFraming((string Name, string Value) header) =>
        header.Name.Equals("authorization", StringComparison.OrdinalIgnoreCase) || header.Name.Equals("transfer-encoding", StringComparison.OrdinalIgnoreCase)
        || (header.Name.Equals("content-length", StringComparison.OrdinalIgnoreCase) && header.Value == "0");

    private static IEnumerable<string> OfStampedBody(byte[] sent, byte[] arrived, string caller)
    {
        var (one, other) = (JsonNode.Parse(sent), JsonNode.Parse(arrived));
        foreach (var run in other as JsonArray ?? [other!.DeepClone()])
        {
            if (run!["labels"]?[CallerLabel]?.ToString() != caller)
            {
                yield return $"not labelled {caller}: {run.ToJsonString()}";
            }
        }

        foreach (var run in (other is JsonArray several ? several : new JsonArray(other)).OfType<JsonObject>())
        {
            run["labels"]!.AsObject().Remove(CallerLabel);
            if (run["labels"]!.AsObject().Count == 0)
            {
                run.Remove("labels");
            }
        }

        foreach (var run in (one is JsonArray all ? all : new JsonArray(one)).OfType<JsonObject>().Where(run => run["labels"] is JsonObject { Count: 0 } or null))
        {
            run.Remove("labels");
        }

        if (!JsonNode.DeepEquals(one, other))
        {
            yield return $"more than the label differs: {one!.ToJsonString()} became {other!.ToJsonString()}";
        }
    }

    private static List<(string, string)> Sorted(IEnumerable<(string Name, string Value)> headers, bool withoutLength = false) =>
        [.. headers.Select(header => (Name: header.Name.ToLowerInvariant(), header.Value)).Where(header => !(withoutLength && header.Name == "content-length")).OrderBy(header => header.Name, StringComparer.Ordinal)];
}
