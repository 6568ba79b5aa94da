using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Model;
using Postern.OAuth;

namespace Postern.Tests.OAuth;

public sealed class TaskDetailsTests
{
    private static readonly BoundTask s_task = new()
    {
        Engine = "main", Namespace = "payments", WorkflowId = "w-1 \"ä\"", RunId = "r-1", ActivityId = "1", ActivityType = "charge", Attempt = 2, Started = new DateTimeOffset(2026, 11, 28, 10, 15, 0, TimeSpan.Zero).AddTicks(1_234_567),
    };

    [Fact]
    public void Written_IsReadAgain_ToTheTick() => Assert.Equal(s_task, Read(TaskDetails.Write(s_task)));

    [Theory]
    [InlineData("type", "\"payment\"")]
    [InlineData("engine", null)]
    [InlineData("namespace", null)]
    [InlineData("workflow_id", "7")]
    [InlineData("run_id", null)]
    [InlineData("activity_id", null)]
    [InlineData("activity_type", null)]
    [InlineData("attempt", "\"2\"")]
    [InlineData("attempt", "2.5")]
    [InlineData("attempt", null)]
    [InlineData("started", "\"yesterday\"")]
    [InlineData("started", null)]
    public void Details_ThatSayLess_AreNone(string name, string? value)
    {
        var details = TaskDetails.Write(s_task);
        details[0]!.AsObject().Remove(name);
        if (value is not null)
        {
            details[0]![name] = JsonNode.Parse(value);
        }

        Assert.Null(Read(details));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("[7]")]
    [InlineData("\"x\"")]
    public void SomethingElse_IsNone(string text) => Assert.Null(Read(JsonNode.Parse(text)!));

    [Fact]
    public void SeveralTasks_AreNone() => Assert.Null(Read(new JsonArray(TaskDetails.Write(s_task)[0]!.DeepClone(), TaskDetails.Write(s_task)[0]!.DeepClone())));

    [Theory]
    [InlineData("_-8")]
    [InlineData("_-8=")]
    public void Request_NamesTheTaskToken_PaddedOrNot(string token) =>
        Assert.Equal([0xff, 0xef], TaskDetails.ReadRequest($$"""[ { "task_token" : "{{token}}", "type" : "temporal_activity" } ]"""));

    [Theory]
    [InlineData("/+8=")]
    [InlineData("_-8!")]
    [InlineData("%")]
    public void Request_InAnotherAlphabet_IsRefused(string token) =>
        Assert.Equal("invalid_authorization_details", Assert.Throws<OAuthException>(() => TaskDetails.ReadRequest($$"""[{"task_token":"{{token}}","type":"temporal_activity"}]""")).Code);

    private static BoundTask? Read(JsonNode details) => TaskDetails.Read(JsonDocument.Parse(details.ToJsonString()).RootElement);
}
