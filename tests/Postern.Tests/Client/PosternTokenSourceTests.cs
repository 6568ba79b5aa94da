using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Postern.Client;
using Postern.Tests.Audit;

namespace Postern.Tests.Client;

public sealed class PosternTokenSourceTests
{
    private static readonly Uri Endpoint = new("https://gate.example:7233/oauth/token");
    private static readonly PosternGrant Key = PosternGrant.ClientCredentials("payroll worker", "pst_a:b+c");

    [Fact]
    public async Task Get_AsksOnce_ForAllWhoWait()
    {
        var endpoint = new TokenEndpoint { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var source = endpoint.Source(Key);

        var waiting = Enumerable.Range(0, 50).Select(_ => source.GetAsync(Cancellation).AsTask()).ToList();
        endpoint.Gate.SetResult();

        Assert.All(await Task.WhenAll(waiting), token => Assert.Equal("token-1", token.Value));
        Assert.Equal("token-1", (await source.GetAsync(Cancellation)).Value);
        Assert.Single(endpoint.Requests);
    }

    [Fact]
    public async Task OneWhoStopsWaiting_CancelsNobodyElse()
    {
        var endpoint = new TokenEndpoint { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var source = endpoint.Source(Key);
        using var impatient = new CancellationTokenSource();
        var gone = source.GetAsync(impatient.Token).AsTask();
        var patient = source.GetAsync(Cancellation).AsTask();

        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        endpoint.Gate.SetResult();

        Assert.Equal("token-1", (await patient).Value);
    }

    [Fact]
    public async Task ClientCredentials_AreFormEncodedInsideBasic_AndNotInTheBody()
    {
        var endpoint = new TokenEndpoint();
        await using var source = endpoint.Source(Key, options => options with { Audience = "postern/main", Scope = "role:worker", Resource = new Uri("https://api.example/") });
        await source.GetAsync(Cancellation);

        var (authorization, form) = endpoint.Requests.Single();
        Assert.Equal("payroll+worker:pst_a%3Ab%2Bc", Encoding.UTF8.GetString(Convert.FromBase64String(authorization!.Parameter!)));
        Assert.Equal("audience=postern%2Fmain&grant_type=client_credentials&resource=https%3A%2F%2Fapi.example%2F&scope=role%3Aworker", string.Join('&', form.Split('&').Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task PrivateKeyJwt_IsShort_ForThisEndpoint_AndNeverTheSame()
    {
        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var endpoint = new TokenEndpoint { Life = 2 };
        await using var source = endpoint.Source(PosternGrant.PrivateKeyJwt("payroll", new SigningCredentials(new ECDsaSecurityKey(ecdsa) { KeyId = "k1" }, SecurityAlgorithms.EcdsaSha256), endpoint.Time));
        await source.GetAsync(Cancellation);
        endpoint.Time.Advance(TimeSpan.FromSeconds(3));
        await source.GetAsync(Cancellation);

        var assertions = endpoint.Requests.Select(request => new JsonWebToken(System.Web.HttpUtility.ParseQueryString(request.Form)["client_assertion"])).ToList();
        Assert.Equal(2, assertions.Select(assertion => assertion.Id).Distinct().Count());
        Assert.All(assertions, assertion =>
        {
            Assert.Equal(("payroll", "payroll", Endpoint.ToString(), "k1"), (assertion.Issuer, assertion.Subject, assertion.Audiences.Single(), assertion.Kid));
            Assert.Equal(TimeSpan.FromMinutes(1), assertion.ValidTo - assertion.IssuedAt);
        });
        var result = await new JsonWebTokenHandler().ValidateTokenAsync(assertions[0], new TokenValidationParameters
        {
            IssuerSigningKey = new ECDsaSecurityKey(ecdsa), ValidateIssuer = false, ValidateAudience = false, ValidateLifetime = false,
        });
        Assert.True(result.IsValid);
    }

    [Fact]
    public async Task WorkloadFile_IsReadForEveryRequest()
    {
        var file = Path.GetTempFileName();
        try
        {
            var endpoint = new TokenEndpoint();
            await using var source = endpoint.Source(PosternGrant.WorkloadFile(file));
            await File.WriteAllTextAsync(file, "first\n", Cancellation);
            await source.GetAsync(Cancellation);
            await File.WriteAllTextAsync(file, "second\n", Cancellation);
            endpoint.Time.Advance(TimeSpan.FromHours(1));
            await source.GetAsync(Cancellation);

            Assert.Equal(["first", "second"], endpoint.Requests.Select(request => System.Web.HttpUtility.ParseQueryString(request.Form)["subject_token"]!));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Token_IsReplacedAheadOfItsEnd_WhileTheOldOneServes()
    {
        var endpoint = new TokenEndpoint { Life = 900 };
        await using var source = endpoint.Source(Key);
        Assert.Equal("token-1", (await source.GetAsync(Cancellation)).Value);

        endpoint.Time.Advance(TimeSpan.FromSeconds(500));
        Assert.Equal("token-1", (await source.GetAsync(Cancellation)).Value);
        Assert.Single(endpoint.Requests);
        endpoint.Time.Advance(TimeSpan.FromSeconds(101));
        Assert.Equal("token-1", (await source.GetAsync(Cancellation)).Value);

        await Soon.TrueAsync(async () => (await source.GetAsync(Cancellation)).Value == "token-2");
        Assert.Equal(2, endpoint.Requests.Count);
    }

    [Fact]
    public async Task WhileNoneCanBeHad_TheOldOneServesToItsEnd_AndThenItIsSaidThatItCanBeTriedAgain()
    {
        var endpoint = new TokenEndpoint { Life = 900 };
        await using var source = endpoint.Source(Key);
        await source.GetAsync(Cancellation);
        endpoint.Answer = () => throw new HttpRequestException("connection refused");

        endpoint.Time.Advance(TimeSpan.FromSeconds(800));
        Assert.Equal("token-1", (await source.GetAsync(Cancellation)).Value);
        endpoint.Time.Advance(TimeSpan.FromSeconds(100));
        var failure = await Assert.ThrowsAsync<PosternTokenException>(() => source.GetAsync(Cancellation).AsTask());
        Assert.True(failure.IsTransient);

        endpoint.Answer = null;
        Assert.StartsWith("token-", (await source.GetAsync(Cancellation)).Value, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(HttpStatusCode.BadRequest, """{"error":"invalid_client","error_description":"The key was revoked."}""", "invalid_client", false)]
    [InlineData(HttpStatusCode.Unauthorized, "", null, false)]
    [InlineData(HttpStatusCode.ServiceUnavailable, """{"error":"temporarily_unavailable"}""", "temporarily_unavailable", true)]
    [InlineData(HttpStatusCode.TooManyRequests, "slow down", null, true)]
    [InlineData(HttpStatusCode.OK, """{"access_token":"t","token_type":"mac"}""", null, false)]
    [InlineData(HttpStatusCode.OK, """["t"]""", null, false)]
    public async Task NoToken_IsSaidWithItsReason_AndWithoutASecret(HttpStatusCode status, string body, string? error, bool isTransient)
    {
        var endpoint = new TokenEndpoint { Answer = () => new HttpResponseMessage(status) { Content = new StringContent(body) } };
        await using var source = endpoint.Source(Key);

        var failure = await Assert.ThrowsAsync<PosternTokenException>(() => source.GetAsync(Cancellation).AsTask());

        Assert.Equal((error, isTransient), (failure.Error, failure.IsTransient));
        Assert.DoesNotContain("pst_a", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Feed_HandsOutTheFirstAndEveryNext_AndTellsOfFailures()
    {
        var endpoint = new TokenEndpoint { Life = 60 };
        var source = endpoint.Source(Key);
        var (used, failed) = (new List<string>(), 0);
        var feeding = await source.FeedAsync(token => { lock (used) { used.Add(token.Value); } }, _ => Interlocked.Increment(ref failed), Cancellation);
        Assert.Equal(["token-1"], used);

        await Soon.TrueAsync(() => { endpoint.Time.Advance(TimeSpan.FromSeconds(1)); lock (used) { return Task.FromResult(used.Count == 3); } });
        endpoint.Answer = () => new HttpResponseMessage(HttpStatusCode.ServiceUnavailable);
        await Soon.TrueAsync(() => { endpoint.Time.Advance(TimeSpan.FromSeconds(1)); return Task.FromResult(Volatile.Read(ref failed) >= 2); });
        endpoint.Answer = null;
        await Soon.TrueAsync(() => { endpoint.Time.Advance(TimeSpan.FromSeconds(1)); lock (used) { return Task.FromResult(used.Count == 4); } });

        await source.DisposeAsync();
        await feeding;
        Assert.Equal(4, used.Distinct().Count());
    }

    [Fact]
    public async Task Refresh_AsksThoughOneIsInHand_ButNotTwiceInAMoment()
    {
        var endpoint = new TokenEndpoint();
        await using var source = endpoint.Source(Key);
        await source.GetAsync(Cancellation);

        Assert.Equal("token-1", (await source.RefreshAsync(Cancellation)).Value);
        endpoint.Time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal("token-2", (await source.RefreshAsync(Cancellation)).Value);
        Assert.Equal("token-2", (await source.GetAsync(Cancellation)).Value);
        endpoint.Time.Advance(TimeSpan.FromSeconds(6));
        endpoint.Answer = () => new HttpResponseMessage(HttpStatusCode.BadRequest) { Content = new StringContent("""{"error":"invalid_client"}""") };
        Assert.False((await Assert.ThrowsAsync<PosternTokenException>(() => source.RefreshAsync(Cancellation))).IsTransient);
        Assert.Equal("token-2", source.Current!.Value);
    }

    [Theory]
    [InlineData("http://gate.example/oauth/token", false)]
    [InlineData("http://127.0.0.1:7233/oauth/token", true)]
    [InlineData("https://gate.example/oauth/token", true)]
    public void ClearText_IsRefusedButOnLoopback(string endpoint, bool isTaken)
    {
        var options = new PosternTokenOptions { Endpoint = new Uri(endpoint), Grant = Key };

        Assert.Equal(isTaken, Record.Exception(() => new PosternTokenSource(options)) is null);
        Assert.Null(Record.Exception(() => new PosternTokenSource(options with { AllowClearText = true })));
    }

    [Fact]
    public async Task Handler_GivesTheTokenToItsHostsOnly()
    {
        var endpoint = new TokenEndpoint();
        await using var source = endpoint.Source(Key);
        var seen = new List<AuthenticationHeaderValue?>();
        using var http = new HttpClient(new PosternTokenHandler(source, "api.example") { InnerHandler = new Recorder(seen) });

        await http.GetAsync(new Uri("https://api.example/a"), Cancellation);
        await http.GetAsync(new Uri("https://api.example:8443/a"), Cancellation);
        await http.GetAsync(new Uri("https://other.example/a"), Cancellation);
        using var own = new HttpRequestMessage(HttpMethod.Get, "https://api.example/b") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", "own") } };
        await http.SendAsync(own, Cancellation);

        Assert.Equal(["token-1", null, null, "own"], seen.Select(header => header?.Parameter));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private sealed class Recorder(List<AuthenticationHeaderValue?> seen) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            seen.Add(request.Headers.Authorization);
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK));
        }
    }

    private sealed class TokenEndpoint : HttpMessageHandler
    {
        private int _count;

        public ManualTime Time { get; } = new();

        public TaskCompletionSource? Gate { get; init; }

        public int Life { get; init; } = 900;

        public Func<HttpResponseMessage>? Answer { get; set; }

        public List<(AuthenticationHeaderValue? Authorization, string Form)> Requests { get; } = [];

        public PosternTokenSource Source(PosternGrant grant, Func<PosternTokenOptions, PosternTokenOptions>? with = null)
        {
            var options = new PosternTokenOptions { Endpoint = Endpoint, Grant = grant };
            return new PosternTokenSource(with?.Invoke(options) ?? options, new HttpClient(this), Time);
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var form = await request.Content!.ReadAsStringAsync(cancellationToken);
            lock (Requests)
            {
                Requests.Add((request.Headers.Authorization, form));
            }

            await (Gate?.Task ?? Task.CompletedTask);
            return Answer?.Invoke() ?? new HttpResponseMessage(HttpStatusCode.OK)
            {
                Content = new StringContent(JsonSerializer.Serialize(new { access_token = $"token-{Interlocked.Increment(ref _count)}", token_type = "Bearer", expires_in = Life })),
            };
        }
    }
}
