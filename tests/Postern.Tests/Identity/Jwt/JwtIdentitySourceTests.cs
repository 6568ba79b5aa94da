using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Jwt;
using Postern.Model;

namespace Postern.Tests.Identity.Jwt;

public sealed class JwtIdentitySourceTests
{
    private static readonly TestKey Foreign = TestKey.Es256("key-1");
    private static readonly Dictionary<string, Func<TokenBench, string>> Bad = new()
    {
        ["J1 none"] = bench => bench.Mint(key: TestKey.None("key-1")),
        ["J1 none with a signature"] = bench => bench.Mint(header: head => head["alg"] = "none"),
        ["J1 NONE"] = bench => bench.Mint(header: head => head["alg"] = "NONE", key: TestKey.None("key-1")),
        ["J1 no alg"] = bench => bench.Mint(header: head => head.Remove("alg")),
        ["J1 alg in lower case"] = bench => bench.Mint(header: head => head["alg"] = "es256"),
        ["J1 no signature"] = bench => bench.Mint()[..(bench.Mint().LastIndexOf('.') + 1)],
        ["J1 two parts"] = bench => string.Join('.', bench.Mint().Split('.')[..2]),
        ["J1 four parts"] = bench => bench.Mint() + ".AAAA",
        ["J1 signature cut"] = bench => bench.Mint()[..^4],
        ["J1 signature longer"] = bench => bench.Mint() + "AAAA",
        ["J1 HS256 with the public key"] = bench => bench.Mint(key: TestKey.Hs256("key-1", Encoding.UTF8.GetBytes(bench.Key.Public().ToJsonString()))),
        ["J1 HS256 with the key's x"] = bench => bench.Mint(key: TestKey.Hs256("key-1", Base64UrlEncoder.DecodeBytes(bench.Key.Public()["x"]!.GetValue<string>()))),
        ["J1 ES384 on a P-256 key"] = bench => bench.Mint(header: head => head["alg"] = "ES384"),
        ["J1 RS256 on an EC key"] = bench => bench.Mint(header: head => head["alg"] = "RS256"),
        ["J1 foreign key under a known kid"] = bench => bench.Mint(key: Foreign),
        ["J1 crit"] = bench => bench.Mint(header: head => head["crit"] = new JsonArray("exp")),
        ["J1 crit null"] = bench => bench.Mint(header: head => head["crit"] = null),
        ["J1 jwk"] = bench => bench.Mint(header: head => { head.Remove("kid"); head["jwk"] = Foreign.Public(); }, key: Foreign),
        ["J1 kid path"] = bench => bench.Mint(header: head => head["kid"] = "../../dev/null", key: Foreign),
        ["J1 kid SQL"] = bench => bench.Mint(header: head => head["kid"] = "x' UNION SELECT 'key-1", key: Foreign),
        ["J1 kid a list"] = bench => bench.Mint(header: head => head["kid"] = new JsonArray("key-1")),
        ["J1 kid null"] = bench => bench.Mint(header: head => head["kid"] = null),
        ["J1 header twice alg"] = bench => bench.Key.SignText("""{"alg":"HS256","alg":"ES256","kid":"key-1"}""", bench.Claims().ToJsonString()),
        ["J1 header with text behind"] = bench => bench.Key.SignText("""{"alg":"ES256","kid":"key-1"} {}""", bench.Claims().ToJsonString()),
        ["J1 header a list"] = bench => bench.Key.SignText("""["alg"]""", bench.Claims().ToJsonString()),
        ["J1 header empty"] = bench => bench.Key.SignText("", bench.Claims().ToJsonString()),
        ["J1 claims a list"] = bench => bench.Key.SignText("""{"alg":"ES256","kid":"key-1"}""", "[]"),
        ["J1 claims twice sub"] = bench => bench.Key.SignText("""{"alg":"ES256","kid":"key-1"}""", Twice(bench.Claims())),
        ["J1 claims twice in an inner object"] = bench => bench.Key.SignText("""{"alg":"ES256","kid":"key-1"}""", More(bench.Claims(), "\"a\":{\"b\":1,\"b\":2}")),
        ["J1 half a surrogate"] = bench => bench.Key.SignText("""{"alg":"ES256","kid":"key-1"}""", More(bench.Claims(), """ "a":["\ud800"] """)),
        ["J1 half a surrogate in a name"] = bench => bench.Key.SignText("""{"alg":"ES256","kid":"key-1"}""", More(bench.Claims(), """ "\udc00":1 """)),
        ["J1 invalid UTF-8"] = bench => bench.Mint().Split('.')[0] + "." + Base64UrlEncoder.Encode([(byte)'{', (byte)'"', 0xff, (byte)'"', (byte)':', (byte)'1', (byte)'}']) + ".AAAA",
        ["J1 deep nesting"] = bench => bench.Key.SignText("""{"alg":"ES256","kid":"key-1"}""", More(bench.Claims(), "\"a\":" + new string('[', 3000) + new string(']', 3000))),
        ["J1 encrypted"] = _ => "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA",
        ["J1 too long"] = bench => bench.Mint(claims => claims["a"] = new string('a', 16 * 1024)),
        ["J3 no aud"] = bench => bench.Mint(claims => claims.Remove("aud")),
        ["J3 aud of another"] = bench => bench.Mint(claims => claims["aud"] = "elsewhere"),
        ["J3 aud in other case"] = bench => bench.Mint(claims => claims["aud"] = "Postern"),
        ["J3 aud with a slash"] = bench => bench.Mint(claims => claims["aud"] = "postern/"),
        ["J3 aud list without us"] = bench => bench.Mint(claims => claims["aud"] = new JsonArray("a", "b")),
        ["J3 aud empty list"] = bench => bench.Mint(claims => claims["aud"] = new JsonArray()),
        ["J3 aud list of lists"] = bench => bench.Mint(claims => claims["aud"] = new JsonArray(new JsonArray("postern"))),
        ["J3 aud object"] = bench => bench.Mint(claims => claims["aud"] = new JsonObject { ["postern"] = "postern" }),
        ["J3 azp ours, aud not"] = bench => bench.Mint(claims => { claims["aud"] = "a"; claims["azp"] = "postern"; }),
        ["J3 no exp"] = bench => bench.Mint(claims => claims.Remove("exp")),
        ["J3 exp text"] = bench => bench.Mint(claims => claims["exp"] = (bench.Now + 60).ToString()),
        ["J3 exp null"] = bench => bench.Mint(claims => claims["exp"] = null),
        ["J3 exp negative"] = bench => bench.Mint(claims => claims["exp"] = -1),
        ["J3 exp past the skew"] = bench => bench.Mint(claims => claims["exp"] = bench.Now - 61),
        ["J3 exp without end"] = bench => bench.Key.SignText("""{"alg":"ES256","kid":"key-1"}""", bench.Claims().ToJsonString().Replace($"\"exp\":{bench.Now + 3600}", "\"exp\":1e999", StringComparison.Ordinal)),
        ["J3 nbf past the skew"] = bench => bench.Mint(claims => claims["nbf"] = bench.Now + 61),
        ["J3 iat past the skew"] = bench => bench.Mint(claims => claims["iat"] = bench.Now + 61),
        ["J3 nbf text"] = bench => bench.Mint(claims => claims["nbf"] = "0"),
        ["J3 iat null"] = bench => bench.Mint(claims => claims["iat"] = null),
        ["J3 no iss"] = bench => bench.Mint(claims => claims.Remove("iss")),
        ["J3 iss of another"] = bench => bench.Mint(claims => claims["iss"] = "https://other.example"),
        ["J3 iss with a slash"] = bench => bench.Mint(claims => claims["iss"] = TokenBench.Issuer + "/"),
        ["J3 iss in upper case"] = bench => bench.Mint(claims => claims["iss"] = TokenBench.Issuer.ToUpperInvariant()),
        ["J3 iss a list"] = bench => bench.Mint(claims => claims["iss"] = new JsonArray(TokenBench.Issuer)),
        ["J4 id token's type"] = bench => bench.Mint(header: head => head["typ"] = "id+jwt"),
        ["J4 logout token"] = bench => bench.Mint(header: head => head["typ"] = "logout+jwt"),
        ["J4 DPoP proof"] = bench => bench.Mint(header: head => head["typ"] = "application/dpop+jwt"),
        ["J4 caller assertion"] = bench => bench.Mint(header: head => head["typ"] = "postern-caller+jwt"),
        ["J4 typ a number"] = bench => bench.Mint(header: head => head["typ"] = 1),
        ["J4 id token for the client"] = bench => bench.Mint(claims => { claims["aud"] = "client-of-alice"; claims["nonce"] = "n"; claims["at_hash"] = "h"; }),
        ["J14 bound to a key, without its proof"] = bench => bench.Mint(claims => claims["cnf"] = new JsonObject { ["jkt"] = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        ["J14 bound to a certificate"] = bench => bench.Mint(claims => claims["cnf"] = new JsonObject { ["x5t#S256"] = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        ["J14 bound to nothing that is understood"] = bench => bench.Mint(claims => claims["cnf"] = null),
        ["sub missing"] = bench => bench.Mint(claims => claims.Remove("sub")),
        ["sub empty"] = bench => bench.Mint(claims => claims["sub"] = ""),
        ["sub a number"] = bench => bench.Mint(claims => claims["sub"] = 1),
        ["sub with a line break"] = bench => bench.Mint(claims => claims["sub"] = "alice\nroot"),
        ["sub with a blank in front"] = bench => bench.Mint(claims => claims["sub"] = " alice"),
        ["sub that turns the direction of writing"] = bench => bench.Mint(claims => claims["sub"] = "alice\u202etoor"),
        ["sub too long"] = bench => bench.Mint(claims => claims["sub"] = new string('a', 257)),
        ["garbage"] = _ => "garbage",
        ["dots"] = _ => "..",
        ["nothing"] = _ => "",
    };

    private static readonly Dictionary<string, Func<TokenBench, string>> Good = new()
    {
        ["ordinary"] = bench => bench.Mint(),
        ["J1 jku, x5u, x5c, jwk are not looked at"] = bench => bench.Mint(header: head =>
        {
            head["jku"] = "http://127.0.0.1:1/keys";
            head["x5u"] = "http://127.0.0.1:1/cert";
            head["x5c"] = new JsonArray("AAAA");
            head["jwk"] = Foreign.Public();
        }),
        ["J1 no kid, one key"] = bench => bench.Mint(header: head => head.Remove("kid")),
        ["J3 aud list with us"] = bench => bench.Mint(claims => claims["aud"] = new JsonArray("a", "other-of-ours")),
        ["J3 exp at the end of the skew"] = bench => bench.Mint(claims => claims["exp"] = bench.Now - 60),
        ["J3 nbf at the end of the skew"] = bench => bench.Mint(claims => claims["nbf"] = bench.Now + 60),
        ["J3 iat at the end of the skew"] = bench => bench.Mint(claims => claims["iat"] = bench.Now + 60),
        ["J3 no iat"] = bench => bench.Mint(claims => claims.Remove("iat")),
        ["J3 exp with a fraction"] = bench => bench.Mint(claims => claims["exp"] = bench.Now + 0.5),
        ["J3 exp far away"] = bench => bench.Mint(claims => claims["exp"] = 253402300799),
        ["J3 exp farther than dates go"] = bench => bench.Mint(claims => claims["exp"] = 1e18),
        ["J4 at+jwt"] = bench => bench.Mint(header: head => head["typ"] = "at+jwt"),
        ["J4 application/at+jwt in any case"] = bench => bench.Mint(header: head => head["typ"] = "Application/AT+jwt"),
        ["J4 no typ"] = bench => bench.Mint(header: head => head.Remove("typ")),
    };

    public static TheoryData<string> BadNames => [.. Bad.Keys];

    public static TheoryData<string> GoodNames => [.. Good.Keys];

    [Theory]
    [MemberData(nameof(BadNames))]
    public async Task Token_ThatIsNotGood_IsUnauthenticated(string name)
    {
        await using var bench = new TokenBench();
        var token = Bad[name](bench);

        var refusal = await bench.RefusalAsync(token);

        Assert.Equal(RefusalReason.Unauthenticated, refusal.Reason);
        Assert.True(token.Length < 10 || !(refusal.Text + refusal.Detail).Contains(token, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(GoodNames))]
    public async Task Token_ThatIsGood_NamesItsCaller(string name)
    {
        await using var bench = new TokenBench();
        Assert.Equal("okta/alice", (await bench.CallerAsync(Good[name](bench))).Name);
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("RS384")]
    [InlineData("RS512")]
    [InlineData("PS256")]
    [InlineData("PS384")]
    [InlineData("PS512")]
    [InlineData("ES256")]
    [InlineData("ES384")]
    [InlineData("ES512")]
    public async Task Algorithm_OfTheList_IsAccepted_AndAnotherUnderTheSameKeyIsNot(string algorithm)
    {
        using var rsa = RSA.Create(2048);
        using var ec = ECDsa.Create(algorithm switch { "ES384" => ECCurve.NamedCurves.nistP384, "ES512" => ECCurve.NamedCurves.nistP521, _ => ECCurve.NamedCurves.nistP256 });
        SecurityKey key = algorithm[0] == 'E' ? new ECDsaSecurityKey(ec) { KeyId = "k" } : new RsaSecurityKey(rsa) { KeyId = "k" };
        var jwk = JsonWebKeyConverter.ConvertFromSecurityKey(key);
        var shown = new JsonObject { ["kty"] = jwk.Kty, ["kid"] = "k", ["alg"] = algorithm, ["use"] = "sig", ["n"] = jwk.N, ["e"] = jwk.E, ["crv"] = jwk.Crv, ["x"] = jwk.X, ["y"] = jwk.Y };
        foreach (var name in shown.Where(member => member.Value is null).Select(member => member.Key).ToList())
        {
            shown.Remove(name);
        }

        await using var bench = new TokenBench(shown);
        var handler = new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false };
        var other = algorithm[0] switch { 'R' => "PS" + algorithm[2..], 'P' => "RS" + algorithm[2..], _ => null };

        Assert.Equal("okta/alice", (await bench.CallerAsync(handler.CreateToken(bench.Claims().ToJsonString(), new SigningCredentials(key, algorithm)))).Name);
        if (other is not null)
        {
            Assert.Equal(RefusalReason.Unauthenticated, (await bench.RefusalAsync(handler.CreateToken(bench.Claims().ToJsonString(), new SigningCredentials(key, other)))).Reason);
        }
    }

    [Fact]
    public async Task KeySet_KeysThatMustNotVerify_AreNotUsed()
    {
        var good = TestKey.Es256("good");
        using var privately = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var secret = privately.ExportParameters(includePrivateParameters: true);
        var withPrivate = new JsonObject
        {
            ["kty"] = "EC", ["crv"] = "P-256", ["kid"] = "private", ["x"] = Base64UrlEncoder.Encode(secret.Q.X), ["y"] = Base64UrlEncoder.Encode(secret.Q.Y),
            ["d"] = Base64UrlEncoder.Encode(secret.D),
        };
        var forEncryption = TestKey.Es256("enc");
        var encryption = forEncryption.Public();
        encryption["use"] = "enc";
        var hmac = TestKey.Hs256("oct", "0123456789abcdef0123456789abcdef"u8.ToArray());
        var symmetric = new JsonObject { ["kty"] = "oct", ["kid"] = "oct", ["k"] = Base64UrlEncoder.Encode("0123456789abcdef0123456789abcdef"u8.ToArray()) };
        using var weak = RSA.Create(1024);
        var small = weak.ExportParameters(includePrivateParameters: false);
        var weakKey = new JsonObject { ["kty"] = "RSA", ["kid"] = "weak", ["n"] = Base64UrlEncoder.Encode(small.Modulus), ["e"] = Base64UrlEncoder.Encode(small.Exponent) };
        await using var bench = new TokenBench(good.Public(), withPrivate, encryption, symmetric, weakKey);

        Assert.Equal("okta/alice", (await bench.CallerAsync(bench.Mint(key: good))).Name);
        var handler = new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false };
        string[] tokens =
        [
            handler.CreateToken(bench.Claims().ToJsonString(), new SigningCredentials(new ECDsaSecurityKey(privately) { KeyId = "private" }, "ES256")),
            bench.Mint(key: forEncryption),
            bench.Mint(key: hmac),
            bench.Mint(header: head => { head["alg"] = "RS256"; head["kid"] = "weak"; }, key: TestKey.Rs256("weak")),
        ];
        foreach (var token in tokens)
        {
            Assert.Null((await bench.AskAsync(token)).Token);
        }
    }

    [Fact]
    public async Task Token_WithoutKid_WhereSeveralKeysFit_IsRefusedRatherThanGuessed()
    {
        var (first, second) = (TestKey.Es256("a"), TestKey.Es256("b"));
        await using var bench = new TokenBench(first.Public(), second.Public());
        Assert.NotNull(await bench.RefusalAsync(bench.Mint(header: head => head.Remove("kid"), key: first)));
    }

    [Fact]
    public async Task Token_OfAKidThatKeysOfTwoTypesShare_IsVerifiedByTheOneThatFits()
    {
        var (ec, rsa) = (TestKey.Es256("same"), TestKey.Rs256("same"));
        await using var bench = new TokenBench(ec.Public(), rsa.Public());
        Assert.NotNull(await bench.CallerAsync(bench.Mint(key: ec)));
        Assert.NotNull(await bench.CallerAsync(bench.Mint(key: rsa)));
    }

    [Fact]
    public async Task Tokens_OfTwoIssuers_AreTwoCallers_AndNoIssuerSignsForTheOther()
    {
        await using var bench = new TokenBench();
        await using var second = new TokenBench();
        var options = new IdentityOptions { Issuers = [bench.Options, second.Options with { Name = "corp", Issuer = "https://corp.example" }] };
        await using var source = new IdentitySources([new JwtIdentitySource(options, null, null, bench.Time, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance)], null, bench.Time);
        await source.FirstFetch;
        async Task<AuthenticationResult> AskAsync(string token) => await source.AuthenticateAsync("Bearer " + token, null, TestContext.Current.CancellationToken);

        Assert.Equal("okta/alice", (await AskAsync(bench.Mint())).Token!.Caller.Name);
        Assert.Equal("corp/alice", (await AskAsync(bench.Mint(claims => claims["iss"] = "https://corp.example", key: second.Key))).Token!.Caller.Name);
        Assert.Null((await AskAsync(bench.Mint(key: second.Key))).Token);
        Assert.Null((await AskAsync(bench.Mint(claims => claims["iss"] = "https://corp.example"))).Token);
    }

    [Theory]
    [InlineData("at+jwt", "at+jwt", true)]
    [InlineData("at+jwt", "JWT", false)]
    [InlineData("at+jwt", null, false)]
    [InlineData("at+jwt", "", false)]
    [InlineData("my+jwt", "application/my+jwt", true)]
    [InlineData("postern-caller+jwt", "postern-caller+jwt", false)] // readable in every history, and so nobody's credential
    [InlineData("postern-caller+jwt", "application/Postern-Caller+JWT", false)]
    public async Task TokenTypes_Configured_AreTheOnlyOnes(string configured, string? typ, bool accepted)
    {
        await using var bench = new TokenBench();
        bench.Options = bench.Options with { TokenTypes = [configured] };
        var (token, _) = await bench.AskAsync(bench.Mint(header: head =>
        {
            head.Remove("typ");
            if (typ is not null)
            {
                head["typ"] = typ;
            }
        }));
        Assert.Equal(accepted, token is not null);
    }

    public static TheoryData<string, string[]> OtherThanOneBearer => new()
    {
        { "none", [] },
        { "empty", [""] },
        { "scheme only", ["Bearer"] },
        { "scheme and space", ["Bearer "] },
        { "no scheme", ["{token}"] },
        { "basic", ["Basic {token}"] },
        { "two values", ["Bearer {token}", "Bearer {token}"] },
        { "two, one empty", ["Bearer {token}", ""] },
        { "comma list", ["Bearer {token}, Bearer {token}"] },
        { "comma list without a second scheme", ["Bearer {token},{token}"] },
        { "two tokens", ["Bearer {token} {token}"] },
        { "two spaces", ["Bearer  {token}"] },
        { "space behind", ["Bearer {token} "] },
        { "quoted", ["Bearer \"{token}\""] },
        { "tab", ["Bearer\t{token}"] },
        { "padding", ["Bearer {token}=="] },
    };

    [Theory]
    [MemberData(nameof(OtherThanOneBearer))]
    public async Task Authorization_OtherThanOneBearer_IsUnauthenticated(string name, string[] values)
    {
        Assert.NotEmpty(name);
        await using var bench = new TokenBench();
        var token = bench.Mint();
        Assert.NotNull(await bench.CallerAsync(token));

        var (verified, refusal) = await bench.SendAsync(values.Select(value => value.Replace("{token}", token, StringComparison.Ordinal)).ToArray());

        Assert.Null(verified);
        Assert.Equal(RefusalReason.Unauthenticated, refusal!.Reason);
        Assert.DoesNotContain(token, refusal.Text + refusal.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bearer ")]
    [InlineData("BEARER ")]
    public async Task Scheme_InAnyCase_IsTheSame(string scheme)
    {
        await using var bench = new TokenBench();
        Assert.NotNull((await bench.SendAsync(scheme + bench.Mint())).Token);
    }

    [Fact]
    public async Task Refusal_SaysWhatItsHolderCanMend()
    {
        await using var bench = new TokenBench();
        Assert.Contains("expired 3 minutes ago", (await bench.RefusalAsync(bench.Mint(claims => claims["exp"] = bench.Now - 180))).Text, StringComparison.Ordinal);
        Assert.Contains("audience elsewhere is not one of ours", (await bench.RefusalAsync(bench.Mint(claims => claims["aud"] = "elsewhere"))).Text, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", (await bench.RefusalAsync(bench.Mint(claims => claims["aud"] = "x\nfake: y"))).Text, StringComparison.Ordinal);
        Assert.Contains("valid only in 2 hours", (await bench.RefusalAsync(bench.Mint(claims => claims["nbf"] = bench.Now + 7200))).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FailedAttempts_FromOneAddress_AreLimited_AndWhoIsKnownNeverMeetsIt()
    {
        await using var bench = new TokenBench();
        var (here, there) = (IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2"));
        var known = bench.Mint();
        Assert.NotNull((await bench.AskAsync(known, here)).Token);
        var reasons = new List<RefusalReason>();
        for (var i = 0; i < 100; i++)
        {
            reasons.Add((await bench.AskAsync("garbage-" + i, here)).Refusal!.Reason);
        }

        Assert.Equal(RefusalReason.Unauthenticated, reasons[0]);
        Assert.Equal(RefusalReason.Limited, reasons[^1]);
        Assert.NotNull((await bench.AskAsync(bench.Mint(), here)).Refusal!.RetryAfter);
        Assert.NotNull((await bench.AskAsync(known, here)).Token);
        Assert.NotNull((await bench.AskAsync(bench.Mint(claims => claims["jti"] = "2"), there)).Token);
        bench.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.NotNull((await bench.AskAsync(bench.Mint(claims => claims["jti"] = "3"), here)).Token);
    }

    [Fact]
    public async Task Token_WithOneCharacterOther_IsRefusedOrTheSameCaller()
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=,+/ ";
        await using var bench = new TokenBench();
        var token = bench.Mint();
        Assert.NotNull(await bench.CallerAsync(token));
        var random = new Random(11);
        for (var i = 0; i < 3_000; i++)
        {
            var at = random.Next(token.Length);
            var other = Alphabet[random.Next(Alphabet.Length)];
            var changed = random.Next(4) switch
            {
                0 => token.Remove(at, 1),
                1 => token.Insert(at, other.ToString()),
                _ => token.Remove(at, 1).Insert(at, other.ToString()),
            };
            var (verified, _) = await bench.AskAsync(changed);
            // The last character of a signature has bits that no byte takes: its neighbours are the same signature.
            Assert.True(verified is null || changed == token || (changed.Length == token.Length && changed[..^1] == token[..^1] && verified.Caller.Name == "okta/alice"), changed);
        }
    }

    private static string Twice(JsonObject claims) => More(claims, "\"sub\":\"root\"");

    private static string More(JsonObject claims, string more) => claims.ToJsonString()[..^1] + "," + more + "}";
}
