using System.Text;
using Postern.Engines.Prefect;
using Postern.Engines.Prefect.Sockets;
using Postern.Model;

namespace Postern.Tests.Engines.Prefect.Sockets;

public sealed class FirstMessageTests
{
    [Theory]
    [InlineData("admin:pass", "pass")]
    [InlineData("a:b:c", "b:c")]
    [InlineData("pst_key", "pst_key")]
    [InlineData("admin:", "")]
    public void Credential_IsThePassword_OrTheWhole(string token, string credential) => Assert.Equal(credential, AuthMessage.CredentialIn(token));

    [Theory]
    [InlineData("admin:pass", """{"type":"auth","token":"admin:pass"}""")]
    [InlineData(null, """{"type":"auth","token":null}""")]
    [InlineData("admin:\"&é", "{\"type\":\"auth\",\"token\":\"admin:\\\"&é\"}")]
    public void Auth_IsWrittenAsStockClientsWriteIt(string? token, string expected)
    {
        var written = AuthMessage.Write(token);

        Assert.Equal(expected, Encoding.UTF8.GetString(written));
        Assert.True(AuthMessage.TryRead(written, out var read, out _));
        Assert.Equal(token, read);
    }

    [Theory]
    [InlineData("""{"type":"auth_success"}""", true)]
    [InlineData("""{"type":"auth"}""", false)]
    [InlineData("""["auth_success"]""", false)]
    public void Success_IsSuccessAlone(string message, bool expected) => Assert.Equal(expected, AuthMessage.IsSuccess(Bytes(message)));

    /// <summary>The server reads "yes", 1 and "true" as true.</summary>
    [Theory]
    [InlineData("false", "{}", false)]
    [InlineData("false", "null", false)]
    [InlineData("true", "{}", true)]
    [InlineData("\"yes\"", "{}", true)]
    [InlineData("1", "{}", true)]
    [InlineData("null", "{}", true)]
    [InlineData("false", "{\"a\":1}", true)]
    [InlineData("false", "[]", true)]
    public void Hello_ThatIsNotPlainlyWithoutWishes_HasSome(string creates, string template, bool expected) =>
        Assert.Equal(expected, WorkerHello.Read(Hello(creates, template))!.WritesPool);

    [Fact]
    public void Hello_WithoutItsWishes_IsOtherwiseTheSame()
    {
        var without = WorkerHello.WithoutWishes(Hello("true", """{"job_configuration":{"command":"{{ command }}"}}"""));

        Assert.Equal(Encoding.UTF8.GetString(Hello("false", "{}").Span), Encoding.UTF8.GetString(without));
        Assert.False(WorkerHello.Read(without)!.WritesPool);
    }

    [Fact]
    public void Hello_SaysWhatItIsAbout()
    {
        var hello = WorkerHello.Read(Bytes("""{"type":"worker.hello.v1","payload":{"worker_name":"w1","work_queue_names":["high","low"],"requested_capabilities":["cleanup_delivery.v1"]}}"""))!;

        Assert.Equal(("w1", true, false), (hello.WorkerName, hello.TakesCleanup, hello.WritesPool));
        Assert.Equal(["high", "low"], hello.WorkQueues);
    }

    [Theory]
    [InlineData("""{"type":"worker.hello.v2","payload":{"worker_name":"w1"}}""")]
    [InlineData("""{"type":"worker.heartbeat.v1","payload":{"worker_name":"w1"}}""")]
    [InlineData("""{"type":"worker.hello.v1"}""")]
    [InlineData("""{"type":"worker.hello.v1","payload":[]}""")]
    [InlineData("""{"type":"worker.hello.v1","payload":{"worker_name":""}}""")]
    [InlineData("""{"type":"worker.hello.v1","payload":{"worker_name":"w1","work_queue_names":"high"}}""")]
    [InlineData("""{"type":"worker.hello.v1","payload":{"worker_name":"w1","work_queue_names":[1]}}""")]
    [InlineData("""{"type":"worker.hello.v1","payload":{"worker_name":"w1","create_pool_if_not_found":false,"create_pool_if_not_found":true}}""")]
    public void Hello_ThatCantBeReadInOneWay_IsNone(string message) => Assert.Null(WorkerHello.Read(Bytes(message)));

    [Fact]
    public void Subject_OfAnEvent_IsTheNarrowestThatItNames()
    {
        const string run = "0f0e0d0c-0000-4000-8000-00000000000a";
        var subjects = SubjectMessage.Read(PrefectSocket.EventsOut, Bytes(
            $$$"""{"type":"event","event":{"resource":{"prefect.resource.id":"prefect.deployment.11111111-0000-4000-8000-000000000001"},"related":[{"prefect.resource.id":"prefect.flow-run.{{{run.ToUpperInvariant()}}}"},{"prefect.resource.id":"prefect.tag.a"}]}}"""));

        var subject = Assert.Single(subjects!);
        Assert.Equal((PrefectObject.FlowRun, run), (subject.Object, subject.ObjectId));
    }

    [Theory]
    [InlineData("""{"type":"log","log":{"flow_run_id":null,"task_run_id":null}}""")]
    public void Subject_OfALogWithoutARun_IsNothing(string message) => Assert.Empty(SubjectMessage.Read(PrefectSocket.LogsOut, Bytes(message))!);

    [Fact]
    public void EachSocketOfTheCatalogue_IsKnown()
    {
        var sockets = PrefectCatalogue.Shared.Routes.Where(route => route.IsSocket).Select(PrefectSockets.Of).Order();

        Assert.Equal(Enum.GetValues<PrefectSocket>(), sockets);
    }

    private static ReadOnlyMemory<byte> Hello(string creates, string template) => Bytes(
        """{"type":"worker.hello.v1","id":"x","payload":{"worker_name":"w1","create_pool_if_not_found":""" + creates + ",\"default_base_job_template\":" + template + ""","worker_metadata":{"a":[1.50]}}}""");

    private static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
