using Google.Protobuf;
using Google.Protobuf.Reflection;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>Who may not see a namespace can't tell it from one that doesn't exist: same status, same words, and nobody was asked.</summary>
public sealed class RefusalRevealsNothing(GateFixture fixture) : IClassFixture<GateFixture>
{
    // Its question is whether the namespace is there: ListsShowOnlyWhatMayBeSeen has it.
    private const string Describe = GrpcClient.WorkflowService + "DescribeNamespace";

    private Gate Gate => fixture.Gate;

    /// <summary>Methods whose request names its namespace in a top-level field.</summary>
    public static TheoryData<string> Namespaced =>
    [
        .. TemporalApi.Methods.Where(method => method.Value.InputType.FindFieldByName("namespace") is { FieldType: FieldType.String })
            .Select(method => method.Key).Where(path => path != Describe).Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Namespaced))]
    public async Task ExistingAndMissingNamespace_AreRefusedAlike(string path)
    {
        var token = Gate.Issuer.Token("alice", "payments");
        var field = TemporalApi.Methods[path].InputType.FindFieldByName("namespace").FieldNumber;
        var seen = new List<string>();
        foreach (var name in new[] { "payroll", "no-such" })
        {
            var watch = new Watch(Gate);
            await using var client = await Gate.ConnectAsync();
            var answer = await client.CallAsync(RawHttp2.CallHeaders(path, token, ("grpc-timeout", "30S")), GrpcFrame.Of(Requests.Field(field, name)));
            Assert.NotEqual(0, answer.Status);
            var record = await watch.RefusedAsync(answer.Message, "not-allowed", GrpcCode.PermissionDenied);
            var details = answer.Details is { } text ? System.Text.Encoding.Latin1.GetString(Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='))) : "";
            // The names have different lengths, which the details' length bytes show: what is compared is what can be read.
            seen.Add(string.Join('|', [
                .. answer.Headers.Where(header => header.Name is not ("grpc-message" or "grpc-status-details-bin" or "date")).Select(header => $"{header.Name}={header.Value}"),
                Plain(answer.Message, name, record.CallId), string.Concat(Plain(details, name, record.CallId).Where(c => c is >= ' ' and <= '~')).Length.ToString(),
            ]));
        }

        Assert.Equal(seen[0], seen[1]);
    }

    [Fact]
    public async Task Refusal_SaysWhoMayNotWhatWhereAndNothingOfOthers()
    {
        var watch = new Watch(Gate);
        var answer = await Gate.Client.CallAsync("StartWorkflowExecution", Requests.Start("payroll"), Gate.Issuer.Token("alice", "payments"), TestContext.Current.CancellationToken);
        var record = await watch.RecordAsync(answer.Message);
        Assert.StartsWith("Request unauthorized. alice may not workflow.start in namespace payroll", answer.Message);
        Assert.EndsWith($"[call {record.CallId}]", answer.Message);
        foreach (var word in new[] { "root", "bob", "worker", "viewers", "bindings", "policy.yaml", Gate.Folder, Gate.Engine.Address })
        {
            Assert.DoesNotContain(word, answer.Message);
        }
    }

    [Fact]
    public async Task Refusal_CarriesTheSameTextInMessageAndDetail()
    {
        var answer = await Gate.Client.CallAsync("StartWorkflowExecution", Requests.Start("payroll"), Gate.Issuer.Token("alice", "payments"), TestContext.Current.CancellationToken);
        var text = answer.Details!;
        var status = CodedInput(Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '=')));
        Assert.Equal((answer.Status, answer.Message), (status.Code, status.Message));
        Assert.Equal("type.googleapis.com/temporal.api.errordetails.v1.PermissionDeniedFailure", status.Detail);
    }

    [Fact]
    public async Task ErrorsOfOurOwn_NameNoAddressFileOrException()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { EngineAddresses = "\"127.0.0.1:1\"" });
        var answer = await gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), gate.Issuer.Token("root"), TestContext.Current.CancellationToken);
        Assert.Equal(GrpcCode.Unavailable, answer.Status);
        foreach (var word in new[] { "127.0.0.1", "Exception", "Socket", "refused (", gate.Folder, " at ", ".cs" })
        {
            Assert.DoesNotContain(word, answer.Message);
        }
    }

    private static string Plain(string text, string name, string id) => text.Replace(name, "NAME").Replace(id, "ID");

    private static (int Code, string Message, string Detail) CodedInput(byte[] bytes)
    {
        var (code, message, detail) = (0, "", "");
        using var input = new CodedInputStream(bytes);
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: code = input.ReadInt32(); break;
                case 2: message = input.ReadString(); break;
                default: detail = Google.Protobuf.WellKnownTypes.Any.Parser.ParseFrom(input.ReadBytes()).TypeUrl; break;
            }
        }

        return (code, message, detail);
    }
}
