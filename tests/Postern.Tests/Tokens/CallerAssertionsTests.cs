using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Postern.Model;
using Postern.Tokens;

namespace Postern.Tests.Tokens;

public sealed class CallerAssertionsTests : IDisposable
{
    private const string CallId = "01JD0000000000000000000000";

    private readonly KeyFolder _folder = new();
    private readonly SigningKeys _keys;

    public CallerAssertionsTests() => _keys = _folder.Open(SigningKeyTimes.OfAssertions);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Sign_Start_NamesTheCallerAndWhatItIsBoundTo()
    {
        var token = Sign(new AssertedCall("StartWorkflowExecution", "payments", "order-7", null, null), Alice());

        var now = _folder.Time.GetUtcNow().ToUnixTimeSeconds();
        Assert.Equal(("postern-caller+jwt", "ES256", _keys.Current.Id), (token.Typ, token.Alg, token.Kid));
        Assert.Equal(
            $$"""{"iss":"postern/main","aud":"postern-caller","sub":"okta/alice@example.com","kind":"human","method":"StartWorkflowExecution","namespace":"payments","workflow_id":"order-7","iat":{{now}},"exp":{{now + 3600}},"jti":"{{CallId}}"}""",
            Claims(token));
    }

    [Fact]
    public void Sign_Actors_NestFromWhoActsNow()
    {
        var token = Sign(new AssertedCall("StartWorkflowExecution", "a", "w", null, null), Alice(CallerKind.Agent, "bot", "frontend"));

        using var claims = JsonDocument.Parse(Claims(token));
        Assert.Equal("""{"sub":"bot","act":{"sub":"frontend"}}""", claims.RootElement.GetProperty("act").GetRawText());
        Assert.Equal("agent", claims.RootElement.GetProperty("kind").GetString());
    }

    // A schedule starts workflows for as long as it stands.
    [Fact]
    public void Sign_Schedule_IsValidForAsLongAsItsKeyIsPublished()
    {
        var token = Sign(new AssertedCall("CreateSchedule", "a", "w", "nightly", null), Alice());

        Assert.Equal(SigningKeyTimes.OfAssertions.KeepAfter, token.ValidTo - token.IssuedAt);
        Assert.Equal("nightly", token.GetClaim("schedule_id").Value);
    }

    [Theory]
    [InlineData("tëam \"x\\y\"")]
    [InlineData("a+b/c=d")]
    [InlineData("\u0001\u2028😀")]
    public void Sign_AnyName_IsReadBackAsItIs(string name)
    {
        var token = Sign(new AssertedCall("StartWorkflowExecution", name, name, null, null), Alice());

        Assert.Equal((name, name), (token.GetClaim("namespace").Value, token.GetClaim("workflow_id").Value));
    }

    [Fact]
    public void Sign_TwiceOnOneThread_ShareNothing()
    {
        var first = Sign(new AssertedCall("StartWorkflowExecution", "a", new string('w', 3000), null, null), Alice());
        var second = Sign(new AssertedCall("SignalWorkflowExecution", "b", null, null, null), Alice());

        Assert.Equal(3000, first.GetClaim("workflow_id").Value.Length);
        Assert.False(second.TryGetClaim("workflow_id", out _));
        Assert.Equal("b", second.GetClaim("namespace").Value);
    }

    [Fact]
    public void Sign_AfterTheKeyChanged_NamesTheNewOne()
    {
        var assertions = new CallerAssertions(_keys, "main", TimeSpan.FromHours(1));
        string Kid() => new JsonWebToken(Encoding.ASCII.GetString(assertions.Sign(Alice(), new AssertedCall("StartWorkflowExecution", "a", "w", null, null), CallId, _folder.Time.GetUtcNow()))).Kid;
        var before = Kid();
        _folder.Time.Advance(TimeSpan.FromHours(1));
        _keys.Rotate();
        _folder.Time.Advance(SigningKeyTimes.OfAssertions.PublishAhead + TimeSpan.FromMinutes(1));
        _keys.Refresh();

        Assert.NotEqual(before, Kid());
        Assert.Equal(_keys.Current.Id, Kid());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(11_000)]
    [InlineData(20_000)]
    public void Sign_ClaimsOfAnyLength_HoldsAgainstThePublishedKey(int more)
    {
        var token = Sign(new AssertedCall("StartWorkflowExecution", "a", "w" + new string('x', more), null, null), Alice());

        using var key = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new() { X = Base64UrlEncoder.DecodeBytes(_keys.Current.Public.X), Y = Base64UrlEncoder.DecodeBytes(_keys.Current.Public.Y) },
        });
        Assert.True(key.VerifyData(
            Encoding.ASCII.GetBytes(token.EncodedHeader + "." + token.EncodedPayload), Base64UrlEncoder.DecodeBytes(token.EncodedSignature), HashAlgorithmName.SHA256));
        Assert.Equal(1 + more, token.GetClaim("workflow_id").Value.Length);
        // What was made huge leaves nothing behind for the next.
        Assert.Equal("w", Sign(new AssertedCall("StartWorkflowExecution", "a", "w", null, null), Alice()).GetClaim("workflow_id").Value);
    }

    [Fact]
    public void Of_Schedule_TakesTheIdOfWhatItStarts()
    {
        var operation = new Operation
        {
            Method = "CreateSchedule",
            Namespace = "a",
            First = new Demand { Permission = Permission.ScheduleWrite, Namespace = "a", ScheduleId = "nightly" },
            More = [new Demand { Permission = Permission.WorkflowTerminate, WorkflowId = "other" }, new Demand { Permission = Permission.WorkflowStart, WorkflowId = "report" }],
        };

        Assert.Equal(new AssertedCall("CreateSchedule", "a", "report", "nightly", null), AssertedCall.Of(operation));
    }

    private JsonWebToken Sign(AssertedCall call, Caller caller) =>
        new(Encoding.ASCII.GetString(new CallerAssertions(_keys, "main", TimeSpan.FromHours(1)).Sign(caller, call, CallId, _folder.Time.GetUtcNow())));

    private static string Claims(JsonWebToken token) => Base64UrlEncoder.Decode(token.EncodedPayload);

    private static Caller Alice(CallerKind kind = CallerKind.Human, params string[] actors) => new()
    {
        Kind = kind,
        Issuer = "okta",
        Subject = "alice@example.com",
        Name = "okta/alice@example.com",
        DisplayName = "alice@example.com",
        Actors = [.. actors],
    };
}
