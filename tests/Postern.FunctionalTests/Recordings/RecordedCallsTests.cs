using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Recordings;

/// <summary>
/// Every recorded call of every client goes through the gate to a stand-in that gives the recorded answer: the engine receives the recorded message plus only
/// the stamps, and the recorded headers but for the listed ones; the client receives exactly what the server answered.
/// </summary>
public sealed class RecordedCallsTests(Playback playback) : IClassFixture<Playback>
{
    /// <summary>Request headers that the gate takes away: the client's credential, and what would pass for the server's own or a proxy's word.</summary>
    private static readonly HashSet<string> Dropped =
    [
        "authorization", "authorization-extras", "caller-type", "caller-name", "call-initiation", "x-forwarded-for", "x-forwarded-host",
        "grpcgateway-accept", "grpcgateway-user-agent", "grpcgateway-authorization", "grpcgateway-cookie", "grpcgateway-content-type", "grpcgateway-origin",
        "grpcgateway-referer", "temporal-principal-name", "xdc-redirection", "x-request-id",
    ];

    /// <summary>Calls that the gate answers itself, as the server does: they name no namespace, or are above 4 MiB.</summary>
    private static readonly HashSet<string> AnsweredHere = ["python/errors#18 CountWorkflowExecutions", "python/errors#21 DescribeNamespace", "python/large_payload#30 StartWorkflowExecution"];

    /// <summary>Methods that the gate answers itself, out of its own questions to the engine: their promises have tests of their own (ListsShowOnlyWhatMayBeSeen, ServerIsKnownToAllCallers).</summary>
    private static readonly HashSet<string> OwnAnswers = ["GetSystemInfo", "GetClusterInfo", "ListNamespaces", "ListNexusEndpoints"];

    /// <summary>Request headers that the gate adds: its own credential, the call's id and trace, and HTTP's length and name of the engine.</summary>
    private static readonly HashSet<string> Added = ["authorization", "x-postern-call-id", "traceparent", "content-length", "host", "te"];

    /// <summary>Answer headers that the server framework adds: the date, and a length of 0 where nothing but the head is sent.</summary>
    private static bool IsFrameworks((string Name, string Value) header) => header.Name == "date" || header == ("content-length", "0");

    private readonly Dictionary<string, string> _normalQueues = new(StringComparer.Ordinal);

    private Gate Gate => playback.Gate;

    public static TheoryData<string> Names => [.. Recording.Names.Where(name => name != "raw/edge_cases")];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Recording_ThroughTheGate_IsTheSameOnBothSides(string name)
    {
        var problems = new List<string>();
        var played = 0;
        await using var client = await Gate.ConnectAsync();
        // Also of polls that were given up: the other test plays those to the same gate, before or after.
        foreach (var call in Recording.Read(name).Where(call => call.RequestBody.Length > 0))
        {
            NoteStickyQueue(call);
        }

        foreach (var call in Recording.Read(name).Where(call => call.IsWhole && TemporalApi.Methods.ContainsKey(call.Path)))
        {
            played++;
            if (OwnAnswers.Contains(call.Operation))
            {
                continue;
            }

            Gate.Engine.Forget();
            Gate.Engine.Script = _ => Playback.AnswerOf(call);
            var answer = await client.CallAsync(HeadersOf(call), Sealed(call));
            problems.AddRange(ProblemsOf(call, answer).Select(problem => $"{call}: {problem}"));
        }

        Assert.True(problems.Count == 0, $"{problems.Count} problems in {played} calls:\n" + string.Join('\n', problems.Take(10)));
        Assert.NotEqual(0, played);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task CallsThatTheirClientGaveUp_EndAtTheEngineToo(string name)
    {
        Gate.Engine.Forget();
        Gate.Engine.Script = _ => StubAnswer.Never;
        await using var client = await Gate.ConnectAsync();
        foreach (var call in Recording.Read(name).Where(call => call.End == "rst:8" && !OwnAnswers.Contains(call.Operation) && call.ResponseHeaders.Count == 0 && TemporalApi.Methods.ContainsKey(call.Path)))
        {
            var stream = client.NextStream();
            await client.HeadersAsync(stream, HeadersOf(call));
            await client.DataAsync(stream, Sealed(call));
            await Eventually.TrueAsync(() => Gate.Engine.Calls.Count == 1, call.ToString);
            await client.ResetAsync(stream, 8);
            await Gate.Engine.Calls[0].Ended.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
            Assert.Equal(ExpectedBody(call), Gate.Engine.Calls[0].Body);
            Gate.Engine.Forget();
        }
    }

    private List<(string, string)> HeadersOf(RecordedCall call) =>
        [.. call.RequestHeaders.Where(header => header.Name != "authorization"), ("authorization", "Bearer " + playback.Token)];

    // Which queue a worker's sticky queue belongs to, as its polls say.
    private void NoteStickyQueue(RecordedCall call)
    {
        if (call.Operation == "PollWorkflowTaskQueue" && PollWorkflowTaskQueueRequest.Parser.ParseFrom(GrpcFrame.Message(call.RequestBody)).TaskQueue is { Kind: TaskQueueKind.Sticky } queue)
        {
            _normalQueues[queue.Name] = queue.NormalName;
        }
    }

    // A worker in front of the gate answers with the token that the gate handed it: the recorded one, sealed.
    private byte[] Sealed(RecordedCall call)
    {
        var request = TemporalApi.Methods[call.Path].InputType;
        if (request.FindFieldByName("task_token") is not { } token || call.RequestBody.Length == 0)
        {
            return call.RequestBody;
        }

        var message = request.Parser.ParseFrom(GrpcFrame.Message(call.RequestBody));
        var own = (ByteString)token.Accessor.GetValue(message);
        if (own.IsEmpty)
        {
            return call.RequestBody;
        }

        var sticky = (message as RespondWorkflowTaskCompletedRequest)?.StickyAttributes?.WorkerTaskQueue?.Name ?? "";
        var facts = new TaskFacts(
            TaskTokens.KindOf(call.Operation), (string)request.FindFieldByName("namespace").Accessor.GetValue(message), _normalQueues.GetValueOrDefault(sticky, "q"));
        token.Accessor.SetValue(message, ByteString.CopyFrom(Gate.Sealing.Seal(own.Span, facts)));
        return GrpcFrame.Of(message.ToByteArray());
    }

    // A poll goes out unpacked, for its answer to come unpacked; so does what had a seal taken off.
    private static byte[] ExpectedBody(RecordedCall call) => IsPoll(call) ? GrpcFrame.Of(GrpcFrame.Message(call.RequestBody)) : call.RequestBody;

    private static bool IsPoll(RecordedCall call) => call.Operation is "PollWorkflowTaskQueue" or "PollActivityTaskQueue" or "PollNexusTaskQueue";

    private static bool IsTaskAnswer(RecordedCall call) => TemporalApi.Methods[call.Path].InputType.FindFieldByName("task_token") is not null;

    private IEnumerable<string> ProblemsOf(RecordedCall call, RawAnswer answer)
    {
        var arrived = Gate.Engine.Calls;
        if (AnsweredHere.Contains(call.ToString()))
        {
            var recorded = int.Parse(RawAnswer.Find(call.ResponseHeaders, "grpc-status")!);
            return arrived.Count == 0 && answer.Status == recorded ? [] : [$"the engine saw {arrived.Count} calls; the client got {answer.Status}, the server's {recorded}"];
        }

        return arrived.Count == 1
            ? HeaderProblems(call, arrived[0]).Concat(MessageProblems(call, arrived[0])).Concat(AnswerProblems(call, answer))
            : [$"the engine saw {arrived.Count} calls; the client got {answer.Status} {answer.Message}"];
    }

    private static IEnumerable<string> HeaderProblems(RecordedCall call, ArrivedCall arrived)
    {
        if (arrived.Target != call.Path || arrived.Method != "POST")
        {
            yield return $"arrived as {arrived.Method} {arrived.Target}";
        }

        var sent = call.RequestHeaders.Where(header => header.Name[0] != ':' && !Dropped.Contains(header.Name) && header.Name is not ("te" or "grpc-timeout") && !(IsPoll(call) && header.Name is "grpc-encoding" or "grpc-accept-encoding")).ToList();
        var got = arrived.Headers.Where(header => !Added.Contains(header.Name) && header.Name != "grpc-timeout").ToList();
        // One name's values keep their order; the order of names is lost in the stand-in.
        if (!Sorted(sent).SequenceEqual(Sorted(got)))
        {
            yield return $"headers: sent but not there [{string.Join(", ", sent.Except(got))}], there but not sent [{string.Join(", ", got.Except(sent))}]";
        }

        var (timeout, forwarded) = (RawAnswer.Find(call.RequestHeaders, "grpc-timeout"), arrived.Header("grpc-timeout"));
        if ((timeout is null) != (forwarded is null) || (timeout is not null && Microseconds(forwarded!) > Microseconds(timeout)))
        {
            yield return $"grpc-timeout {timeout} became {forwarded}";
        }
    }

    private static IEnumerable<string> MessageProblems(RecordedCall call, ArrivedCall arrived)
    {
        if (!Stamps.Paths.TryGetValue(call.Operation, out var paths))
        {
            // Without its seal the token, and with it the whole message, is what was recorded; packed or not.
            var asRecorded = IsTaskAnswer(call)
                ? arrived.Message.AsSpan().SequenceEqual(TemporalApi.Methods[call.Path].InputType.Parser.ParseFrom(GrpcFrame.Message(call.RequestBody)).ToByteArray())
                : arrived.Body.AsSpan().SequenceEqual(ExpectedBody(call));
            if (!asRecorded)
            {
                yield return "a message that is not stamped did not arrive byte for byte";
            }

            yield break;
        }

        var parser = TemporalApi.Methods[call.Path].InputType.Parser;
        var sent = parser.ParseFrom(GrpcFrame.Message(call.RequestBody));
        var got = parser.ParseFrom(arrived.Message);
        foreach (var problem in paths.Concat(Stamps.Assertions.GetValueOrDefault(call.Operation, [])).SelectMany(path => Stamps.TakeBack(sent, got, path, Playback.Caller)))
        {
            yield return problem;
        }

        if (!sent.Equals(got))
        {
            yield return $"more than the stamps differs: {sent} became {got}";
        }
    }

    private IEnumerable<string> AnswerProblems(RecordedCall call, RawAnswer answer)
    {
        var got = answer.Headers.Where(header => !IsFrameworks(header)).ToList();
        if (!Sorted(got).SequenceEqual(Sorted(call.ResponseHeaders)))
        {
            yield return $"answer's headers [{string.Join(", ", call.ResponseHeaders)}] became [{string.Join(", ", got)}]";
        }

        if (!IsAsRecorded(call, answer.Body))
        {
            yield return $"answer's body of {call.ResponseBody.Length} bytes became {answer.Body.Length} bytes";
        }

        if (!Sorted(answer.Trailers).SequenceEqual(Sorted(call.Trailers)))
        {
            yield return $"trailers [{string.Join(", ", call.Trailers)}] became [{string.Join(", ", answer.Trailers)}]";
        }

        if (answer.TrailersOnly != call.TrailersOnly)
        {
            yield return $"trailers-only {call.TrailersOnly} became {answer.TrailersOnly}";
        }
    }

    // Handed out tasks carry a seal; without it, and unpacked, the answer is the recorded one.
    private bool IsAsRecorded(RecordedCall call, byte[] body)
    {
        var parser = TemporalApi.Methods[call.Path].OutputType.Parser;
        var tasks = call.ResponseBody.Length == 0 ? 0 : TaskSeals.Count(parser.ParseFrom(GrpcFrame.Message(call.ResponseBody)));
        if (tasks == 0)
        {
            return body.AsSpan().SequenceEqual(call.ResponseBody);
        }

        var got = parser.ParseFrom(GrpcFrame.Message(body));
        return TaskSeals.TakeOff(got, Gate.Sealing) == tasks && got.Equals(parser.ParseFrom(GrpcFrame.Message(call.ResponseBody)));
    }

    private static IEnumerable<(string, string)> Sorted(IEnumerable<(string Name, string Value)> headers) => headers.OrderBy(header => header.Name, StringComparer.Ordinal);

    private static double Microseconds(string timeout) => double.Parse(timeout[..^1]) * timeout[^1] switch
    {
        'H' => 3.6e9, 'M' => 6e7, 'S' => 1e6, 'm' => 1e3, 'u' => 1, _ => 1e-3,
    };
}
