using System.Text.Json;
using Postern.Model;
using Postern.Tokens;

namespace Postern.Tests.Tokens;

public sealed class UpstreamTokenMinterTests : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);
    private readonly KeyFolder _folder = new();
    private readonly SigningKeys _keys;
    private readonly StockServer _server = new("temporal-prod");

    public UpstreamTokenMinterTests()
    {
        _keys = _folder.Open();
        _server.Fetch(_keys.PublicSet);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Token_HasTheClaimsThatTheServerNeedsAndNoTimeThatItCouldRefuse()
    {
        var claims = StockServer.Claims(Minter().For(Alice(), "payments:write").Header);

        Assert.Equal(["aud", "exp", "jti", "permissions", "sub"], claims.EnumerateObject().Select(claim => claim.Name).Order(StringComparer.Ordinal));
        Assert.Equal(("okta/alice@example.com", "temporal-prod"), (claims.GetProperty("sub").GetString(), claims.GetProperty("aud").GetString()));
        Assert.Equal("payments:write", Assert.Single(claims.GetProperty("permissions").EnumerateArray()).GetString());
        Assert.Equal((_folder.Time.GetUtcNow() + Lifetime).ToUnixTimeSeconds(), claims.GetProperty("exp").GetInt64());
    }

    [Theory]
    [InlineData("payments:write", "payments", "write")]
    [InlineData("temporal-system:read", "temporal-system", "read")]
    [InlineData("a:b:admin", "a:b", "admin")]
    [InlineData("tëam \"x\\y\":read", "tëam \"x\\y\"", "read")]
    [InlineData(" x:read", " x", "read")]
    public void Token_AtAServerWithoutLeeway_IsAcceptedForItsGrantAlone(string grant, string ns, string role)
    {
        var (grants, refusal) = _server.Judge(Minter().For(Alice(), grant).Header, _folder.Time.GetUtcNow());

        Assert.Null(refusal);
        Assert.Equal([(ns, role)], grants);
    }

    [Fact]
    public void Token_AtAServerWhoseClockIsBehind_IsAcceptedToo() =>
        Assert.Null(_server.Judge(Minter().For(Alice(), "a:read").Header, _folder.Time.GetUtcNow().AddMinutes(-5)).Refusal);

    [Fact]
    public void Token_AskedForAgain_IsTheSame_UntilAQuarterOfItsLifeIsLeft()
    {
        var minter = Minter();
        var first = minter.For(Alice(), "a:write");
        _folder.Time.Advance(Lifetime * 0.75 - TimeSpan.FromSeconds(1));
        Assert.Same(first, minter.For(Alice(), "a:write"));
        _folder.Time.Advance(TimeSpan.FromSeconds(1));
        var second = minter.For(Alice(), "a:write");
        Assert.NotSame(first, second);
        Assert.Null(_server.Judge(first.Header, _folder.Time.GetUtcNow()).Refusal);
        Assert.Null(_server.Judge(second.Header, _folder.Time.GetUtcNow()).Refusal);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(10)]
    [InlineData(60)]
    public void Token_Presented_AlwaysHasAMinuteLeft(int minutes)
    {
        var minter = new UpstreamTokenMinter(_keys, "temporal-prod", TimeSpan.FromMinutes(minutes), _folder.Time);
        for (var i = 0; i < 500; i++)
        {
            var claims = StockServer.Claims(minter.For(Alice(), "a:write").Header);
            Assert.True(claims.GetProperty("exp").GetInt64() - _folder.Time.GetUtcNow().ToUnixTimeSeconds() >= 60);
            _folder.Time.Advance(TimeSpan.FromSeconds(7));
        }
    }

    [Fact]
    public void Tokens_OfOtherCallersAndGrants_AreOthers()
    {
        var minter = Minter();
        var tokens = new[] { minter.For(Alice(), "a:write"), minter.For(Alice(), "a:read"), minter.For(Alice("corp"), "a:write"), minter.For(Alice(), "b:write") };

        Assert.Equal(4, tokens.Select(token => token.Header).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(["corp/alice@example.com", "okta/alice@example.com"], tokens.Select(token => StockServer.Claims(token.Header).GetProperty("sub").GetString()!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Tokens_OverARotation_AreAcceptedAtEveryMoment_ByAServerThatFetchesEachHalfHour()
    {
        var minter = Minter();
        _folder.Time.Advance(TimeSpan.FromHours(2));
        _keys.Rotate();
        for (var minute = 0; minute < 12 * 60; minute++)
        {
            if (minute % 30 == 0)
            {
                _server.Fetch(_keys.PublicSet);
            }

            Assert.Null(_server.Judge(minter.For(Alice(), "a:write").Header, _folder.Time.GetUtcNow()).Refusal);
            _folder.Time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Single(KeyFolder.Ids(_keys.PublicSet));
    }

    [Fact]
    public void Token_WhoseKeyIsWithdrawn_IsMintedAnew()
    {
        var minter = Minter();
        _folder.Time.Advance(TimeSpan.FromHours(2));
        _keys.Rotate();
        var before = minter.For(Alice(), "a:write");
        var file = _folder.Files.Single(name => name.Contains(_keys.Current.Id, StringComparison.Ordinal));
        File.Delete(Path.Combine(_folder.Path, file));
        _keys.Refresh();
        _server.Fetch(_keys.PublicSet);

        Assert.Equal("kid", _server.Judge(before.Header, _folder.Time.GetUtcNow()).Refusal);
        Assert.Equal(DateTimeOffset.MinValue, before.RenewAt);
        Assert.Null(_server.Judge(minter.For(Alice(), "a:write").Header, _folder.Time.GetUtcNow()).Refusal);
    }

    [Fact]
    public void Tokens_MintedByManyAtOnce_AreAllSound()
    {
        var minter = Minter();
        Parallel.For(0, 2_000, i =>
        {
            var grant = $"ns-{i % 100}:write";
            var (grants, refusal) = _server.Judge(minter.For(Alice(), grant).Header, _folder.Time.GetUtcNow());
            Assert.Null(refusal);
            Assert.Equal($"ns-{i % 100}", grants.Single().Namespace);
        });
        Assert.Equal(100, minter.Count);
    }

    [Fact]
    public void Token_AskedForByManyAtOnce_IsSignedOnce()
    {
        var minter = Minter();
        const int Askers = 4;
        for (var round = 0; round < 50; round++)
        {
            var tokens = new MintedToken[Askers];
            using var start = new Barrier(Askers);
            var threads = Enumerable.Range(0, Askers).Select(i => new Thread(() =>
            {
                start.SignalAndWait();
                tokens[i] = minter.For(Alice(), "a:write");
            })).ToList();
            threads.ForEach(thread => thread.Start());
            threads.ForEach(thread => thread.Join());

            Assert.All(tokens, token => Assert.Same(tokens[0], token));
            _folder.Time.Advance(Lifetime);
        }
    }

    [Fact]
    public void Tokens_OfGrantsWithoutEnd_AreBounded()
    {
        var minter = new UpstreamTokenMinter(_keys, "temporal-prod", Lifetime, _folder.Time, capacity: 100);
        for (var i = 0; i < 1_000; i++)
        {
            minter.For(Alice(), $"ns-{i}:write");
        }

        Assert.InRange(minter.Count, 1, 100);
    }

    [Fact]
    public void MintedToken_InText_DoesNotShowItself()
    {
        var token = Minter().For(Alice(), "a:write");
        Assert.DoesNotContain(token.Header, $"{token}", StringComparison.Ordinal);
        Assert.StartsWith("Bearer ey", token.Header, StringComparison.Ordinal);
    }

    private UpstreamTokenMinter Minter() => new(_keys, "temporal-prod", Lifetime, _folder.Time);

    private static Caller Alice(string issuer = "okta") => new()
    {
        Kind = CallerKind.Human, Issuer = issuer, Subject = "alice@example.com", Name = issuer + "/alice@example.com", DisplayName = "Alice", Claims = JsonDocument.Parse("{}").RootElement,
    };
}
