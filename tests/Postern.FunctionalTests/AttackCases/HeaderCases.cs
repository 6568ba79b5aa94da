using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>H: headers as identity.</summary>
public sealed class HeaderCases(GateFixture fixture) : IClassFixture<GateFixture>
{
    private const string Describe = GrpcClient.WorkflowService + "DescribeWorkflowExecution";

    /// <summary>Headers that carry identity, routing or internal meaning: the engine must see none of a client's.</summary>
    private static readonly string[] Ours =
    [
        "temporal-principal-name", "temporal-principal-type", "authorization-extras", "caller-type", "caller-name", "call-initiation",
        "xdc-redirection", "xdc-redirection-api", "grpc-metadata-authorization", "grpc-metadata-caller-type", "grpcgateway-authorization", "grpcgateway-cookie",
        "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-user", "x-forwarded-client-cert",
        "postern-caller", "postern-call-id", "x-postern-call-id", "proxy-authorization",
    ];

    private Gate Gate => fixture.Gate;

    public static TheoryData<string> Names => [.. Ours];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task H1_IdentityHeaderOfTheClient_NeverReachesTheEngine(string name)
    {
        foreach (var written in new[] { name, name.Replace('-', '_'), Swap(name, 0), Swap(name, 1) }.Distinct())
        {
            var before = Gate.Engine.Calls.Count;
            await using var client = await Gate.ConnectAsync();
            var head = RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"), (written, "canary-one"), (written, "canary-two"), (written, ""), (written, "canary-a, canary-b"));
            var answer = await client.CallAsync(head, GrpcFrame.Of(Requests.Describe()));
            var arrived = Gate.Engine.Calls.Skip(before).ToList();
            if (answer.Status == 0)
            {
                var call = Assert.Single(arrived);
                Assert.DoesNotContain(call.Headers, header => header.Value.Contains("canary", StringComparison.Ordinal));
                Assert.DoesNotContain(call.Headers, header => header.Value.Length == 0);
            }
            else
            {
                Assert.Empty(arrived);
            }
        }
    }

    [Fact]
    public async Task H1_HeaderNamedInConnection_IsNoWayToRemoveOurs()
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(
            RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"), ("connection", "authorization, x-a"), ("x-a", "1")), GrpcFrame.Of(Requests.Describe()));
        // HTTP/2 has no Connection header: the stream is refused whole.
        Assert.NotEqual(0, answer.Status);
        watch.EngineSawNothing();
    }

    [Fact]
    public async Task H4_ForwardedFor_WithoutTrust_IsNotTheSource()
    {
        var watch = new Watch(Gate);
        await Gate.Client.CallAsync(Describe, Requests.Describe(), Gate.Issuer.Token("root"), TestContext.Current.CancellationToken, ("x-forwarded-for", "10.1.2.3"));
        var record = await watch.RecordAsync(Gate.Engine.Calls[^1]);
        Assert.Equal(Gate.Client.Source.ToString(), record["source"]);
    }

    [Theory]
    [InlineData("10.1.2.3", "10.1.2.3")]
    [InlineData("203.0.113.9, 10.1.2.3", "10.1.2.3")]
    [InlineData("203.0.113.9, 127.0.0.1", "203.0.113.9")]
    [InlineData("::ffff:10.1.2.3", "10.1.2.3")]
    [InlineData("[2001:db8::1]:443", "2001:db8::1")]
    [InlineData("not an address", "")]
    [InlineData("", "")]
    public async Task H4_ForwardedFor_FromATrustedProxy_IsReadFromTheRight(string value, string source)
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Extra = "trustedProxies: [127.0.0.0/8]" });
        var watch = new Watch(gate);
        await using var client = await gate.ConnectAsync();
        await client.CallAsync(RawHttp2.CallHeaders(Describe, gate.Issuer.Token("root"), ("x-forwarded-for", value)), GrpcFrame.Of(Requests.Describe()));
        var record = await watch.RecordAsync(gate.Engine.Calls[^1]);
        Assert.Equal(source == "" ? client.Source.ToString() : source, record["source"]);
        Assert.DoesNotContain(gate.Engine.Calls.SelectMany(call => call.Headers), header => header.Name == "x-forwarded-for");
    }

    [Fact]
    public async Task H4_SourceCondition_IsNotMetByAForgedHeader()
    {
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            PolicyText = """
                bindings:
                  - { who: ["user:alice"], role: developer, where: { temporal: payments }, when: { from: [10.0.0.0/8] } }
                """,
        });
        foreach (var value in new[] { "10.1.2.3", "10.1.2.3, 10.1.2.3", "::ffff:10.1.2.3" })
        {
            var watch = new Watch(gate);
            var answer = await gate.Client.CallAsync(
                Describe, Requests.Describe(), gate.Issuer.Token("alice"), TestContext.Current.CancellationToken, ("x-forwarded-for", value), ("forwarded", "for=10.1.2.3"), ("x-real-ip", "10.1.2.3"));
            Assert.Equal(GrpcCode.PermissionDenied, answer.Status);
            await watch.RefusedAsync(answer.Message, "not-allowed", GrpcCode.PermissionDenied);
        }
    }

    public static TheoryData<string, string, string> DoubledHeaders => new()
    {
        { "grpc-timeout", "5S", "1H" }, { "grpc-encoding", "identity", "gzip" }, { "grpc-encoding", "gzip", "identity" }, { "content-type", "application/grpc", "application/json" },
    };

    [Theory]
    [MemberData(nameof(DoubledHeaders))]
    public async Task H6_ProtocolHeaderTwice_IsRefused(string name, string first, string second)
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var head = RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"));
        head.RemoveAll(header => header.Name == name);
        head.Add((name, first));
        head.Add((name, second));
        var answer = await client.CallAsync(head, GrpcFrame.Of(Requests.Describe()));
        Assert.NotEqual(0, answer.Status);
        watch.EngineSawNothing();
    }

    [Fact]
    public async Task H6_BinaryMetadata_ArrivesUnchangedAndInOrder()
    {
        var before = Gate.Engine.Calls.Count;
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(
            RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"), ("my-bin", "AAH/"), ("my-bin", "AAECAwQ"), ("x-plain", "a b"), ("x-plain", "c,d")),
            GrpcFrame.Of(Requests.Describe()));
        Assert.Equal(0, answer.Status);
        var call = Gate.Engine.Calls.Skip(before).Single();
        // Values of one name may be sent as one list (gRPC over HTTP/2, Custom-Metadata).
        Assert.Equal("AAH/, AAECAwQ", string.Join(", ", call.Headers.Where(header => header.Name == "my-bin").Select(header => header.Value)));
        Assert.Equal("a b, c,d", string.Join(", ", call.Headers.Where(header => header.Name == "x-plain").Select(header => header.Value)));
    }

    [Theory]
    [InlineData("x-request-id", "01JDFORGEDFORGEDFORGEDFORG")]
    [InlineData("traceparent", "00-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-00f067aa0ba902b7-01")]
    [InlineData("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")]
    [InlineData("traceparent", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")]
    [InlineData("traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    [InlineData("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\" level=error msg=\"x")]
    public async Task H7_ForgedIdOrTrace_IsNotOurs(string name, string value)
    {
        var watch = new Watch(Gate);
        var before = Gate.Engine.Calls.Count;
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"), (name, value)), GrpcFrame.Of(Requests.Describe()));
        Assert.Equal(0, answer.Status);
        var record = await watch.RecordAsync(Gate.Engine.Calls[^1]);
        Assert.NotEqual(value, record.CallId);
        Assert.DoesNotContain(value, record.Text);
        Assert.DoesNotContain(Gate.Logs.Lines, line => line.ToString().Contains(value, StringComparison.Ordinal));
        if (name == "traceparent")
        {
            var trace = Gate.Engine.Calls.Skip(before).Single().Headers.Single(header => header.Name == "traceparent").Value;
            Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$", trace);
            Assert.NotEqual(value, trace);
        }
    }

    [Fact]
    public async Task H7_TraceOfTheCaller_IsContinued()
    {
        var before = Gate.Engine.Calls.Count;
        await Gate.Client.CallAsync(Describe, Requests.Describe(), Gate.Issuer.Token("root"), TestContext.Current.CancellationToken,
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        var trace = Gate.Engine.Calls.Skip(before).Single().Headers.Single(header => header.Name == "traceparent").Value;
        Assert.StartsWith("00-4bf92f3577b34da6a3ce929d0e0e4736-", trace);
    }

    [Fact]
    public async Task H8_CookieAndBearer_StayHere()
    {
        var token = Gate.Issuer.Token("root");
        foreach (var path in new[] { Describe, GrpcClient.WorkflowService + "NoSuchMethod", GrpcClient.WorkflowService + "DeleteNamespace" })
        {
            var answer = await Gate.Client.CallAsync(
                path, Requests.Describe("nowhere"), token, TestContext.Current.CancellationToken, ("cookie", "session=canary-cookie"), ("proxy-authorization", "Basic canary-basic"));
            foreach (var text in Gate.Engine.Calls.SelectMany(call => call.Headers).Select(header => header.Value).Append(answer.Message).Concat(answer.Headers.Select(h => h.Value)))
            {
                Assert.DoesNotContain("canary", text);
                Assert.DoesNotContain(token, text);
            }
        }

        Assert.DoesNotContain(Gate.Logs.Lines, line => line.ToString().Contains("canary-", StringComparison.Ordinal) || line.ToString().Contains(token, StringComparison.Ordinal));
        Assert.DoesNotContain("canary-", Gate.Audit.Text());
    }

    [Fact]
    public async Task H10_ThousandsOfGroups_AreRefused_HundredsServedWithASmallToken()
    {
        foreach (var count in new[] { 100, 300, 2_000, 3_000 })
        {
            var watch = new Watch(Gate);
            var before = Gate.Engine.Calls.Count;
            await using var client = await Gate.ConnectAsync();
            var token = Gate.Issuer.Token("carol", [.. Enumerable.Range(0, count).Select(i => $"department-of-works-{i:0000}"), "payments"]);
            var answer = await client.CallAsync(RawHttp2.CallHeaders(Describe, token), GrpcFrame.Of(Requests.Describe()));
            if (token.Length < 16 * 1024)
            {
                Assert.Equal(0, answer.Status);
                var presented = Gate.Engine.Calls.Skip(before).Single().Headers.Single(header => header.Name == "authorization").Value;
                Assert.InRange(presented.Length, 1, 2_000);
                await watch.RecordAsync(Gate.Engine.Calls[^1]);
            }
            else
            {
                Assert.NotEqual(0, answer.Status);
                watch.EngineSawNothing();
            }
        }
    }

    private static string Swap(string name, int from) =>
        string.Concat(name.Split('-').Select((part, i) => i == 0 ? part : (i % 2 == from ? "-" : "_") + part));
}
