using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;

namespace Postern.Tests.Dev.Engine.Runs;

public sealed class TaskTokenTests
{
    [Fact]
    public void Token_OfAnyValues_IsReadBack() => Prop.ForAll(
        ArbMap.Default.ArbFor<(NonNull<string>, NonNull<string>, int, long)>(),
        values =>
        {
            var (a, b, attempt, id) = values;
            if (!IsText(a.Get) || !IsText(b.Get))
            {
                return true;
            }

            var token = new TaskToken
            {
                NamespaceId = a.Get, WorkflowId = b.Get, RunId = a.Get, ActivityId = b.Get, WorkflowType = a.Get, ActivityType = b.Get,
                Attempt = attempt, ScheduledEventId = id, StartedEventId = id, StartedTime = DateTimeOffset.UnixEpoch.AddTicks(attempt),
            };
            return TaskToken.Parse(token.ToBytes()) == token || token.ToBytes().IsEmpty;
        }).QuickCheckThrowOnFailure();

    // As a stock server wrote it: a clock and a time that this engine doesn't need stand in it too.
    [Fact]
    public void Token_OfARealServer_IsRead()
    {
        var token = TaskToken.Parse(ByteString.FromBase64(
            "CiQwMWEyMDMxYS02MmVlLTc5ZDUtODg2OC0wZDAwMTVhNWQzMDUSCnRzLW1peGVkLTEaJDAxYTIwMzIwLWY1ODQtN2Q5OC05NGE5LWU5YzM1MTcxMTI4ZCAFKAIyATFCC2NoYXJnZUZsYWt5SggIARCKiUAYAQ=="));

        Assert.Equal(("ts-mixed-1", 5L, 2, "1", "chargeFlaky"), (token.WorkflowId, token.ScheduledEventId, token.Attempt, token.ActivityId, token.ActivityType));
        Assert.Equal("01a2031a-62ee-79d5-8868-0d0015a5d305", token.NamespaceId);
    }

    [Theory]
    [InlineData("", "Task token not set on request.")]
    [InlineData("anVuaw==", "Error deserializing task token.")]
    public void Token_ThatIsNone_GetsTheServersWords(string base64, string words)
    {
        var refusal = Assert.Throws<RpcException>(() => TaskToken.Parse(ByteString.FromBase64(base64)));

        Assert.Equal((StatusCode.InvalidArgument, words), (refusal.Code, refusal.Message));
    }

    private static bool IsText(string text) => !text.Any(char.IsSurrogate);
}
