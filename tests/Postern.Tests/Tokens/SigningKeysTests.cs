using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Postern.Tokens;

namespace Postern.Tests.Tokens;

public sealed class SigningKeysTests : IDisposable
{
    private static readonly SigningKeyTimes Times = new();
    private readonly KeyFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FirstKey_EmptyFolder_IsMadePrivateAndSignsAtOnce()
    {
        var keys = _folder.Open();

        var file = new FileInfo(Path.Combine(_folder.Path, Assert.Single(_folder.Files)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, file.UnixFileMode);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, new DirectoryInfo(_folder.Path).UnixFileMode);
        Assert.Equal($"{_folder.Time.GetUtcNow().ToUnixTimeSeconds()}-{keys.Current.Id}.pem", file.Name);
        Assert.Equal([keys.Current.Id], KeyFolder.Ids(keys.PublicSet));
    }

    [Fact]
    public void PublicSet_HasNoPrivatePart()
    {
        var key = JsonDocument.Parse(_folder.Open().PublicSet).RootElement.GetProperty("keys")[0];
        Assert.Equal(["alg", "crv", "kid", "kty", "use", "x", "y"], key.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
        Assert.Equal(("EC", "P-256", "ES256", "sig"), (key.GetProperty("kty").GetString(), key.GetProperty("crv").GetString(), key.GetProperty("alg").GetString(), key.GetProperty("use").GetString()));
    }

    [Fact]
    public void PublicSet_OfNoKeys_IsEmptyAndNotAnEmptySet() => Assert.True(PublicKeySet.Write([]).IsEmpty);

    [Fact]
    public void Rotate_NewKey_IsPublishedAtOnce_SignsLater_AndTheOldOneGoesWhenItsTokensAreGone()
    {
        var keys = _folder.Open();
        var old = keys.Current;
        _folder.Time.Advance(TimeSpan.FromHours(2));
        keys.Rotate();

        var published = KeyFolder.Ids(keys.PublicSet);
        Assert.Equal(2, published.Count);
        Assert.Same(old, keys.Current);
        _folder.Time.Advance(Times.PublishAhead - TimeSpan.FromMinutes(1));
        Assert.Same(old, keys.Current);
        _folder.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(published[1], keys.Current.Id);
        Assert.Equal(published, KeyFolder.Ids(keys.PublicSet));
        _folder.Time.Advance(Times.KeepAfter - TimeSpan.FromMinutes(1));
        Assert.Equal(published, KeyFolder.Ids(keys.PublicSet));
        Assert.False(old.IsWithdrawn);
        _folder.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal([keys.Current.Id], KeyFolder.Ids(keys.PublicSet));
        Assert.True(old.IsWithdrawn);
        Assert.Single(_folder.Files);
    }

    [Fact]
    public void Rotation_OverManyKeys_HappensByItself_AndEveryKeyWasPublishedLongBeforeItSigned()
    {
        var times = Times with { RotateAfter = TimeSpan.FromDays(1) };
        var keys = _folder.Open(times);
        var publishedSince = new Dictionary<string, DateTimeOffset>();
        var signers = new List<string> { keys.Current.Id };
        for (var hour = 0; hour < 10 * 24; hour++)
        {
            var now = _folder.Time.GetUtcNow();
            var ids = KeyFolder.Ids(keys.PublicSet);
            Assert.InRange(ids.Count, 1, 3);
            foreach (var id in ids)
            {
                publishedSince.TryAdd(id, now);
            }

            Assert.Contains(keys.Current.Id, ids);
            if (keys.Current.Id != signers[^1])
            {
                // The one before stays published: its last token lives on.
                Assert.Contains(signers[^1], ids);
                Assert.True(now - publishedSince[keys.Current.Id] >= times.PublishAhead - TimeSpan.FromMinutes(1));
                signers.Add(keys.Current.Id);
            }

            _folder.Time.Advance(TimeSpan.FromHours(1));
        }

        Assert.InRange(signers.Count, 10, 11);
        Assert.InRange(_folder.Files.Count, 1, 3);
    }

    [Fact]
    public void TwoGates_OnOneFolder_PublishAndSignAlike()
    {
        var times = Times with { RotateAfter = TimeSpan.FromDays(1) };
        var (one, other) = (_folder.Open(times), _folder.Open(times));
        Assert.Equal(one.Current.Id, other.Current.Id);
        _folder.Time.Advance(TimeSpan.FromHours(3));
        one.Rotate();
        // The other reads within a minute, an hour before anybody signs with it.
        _folder.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(KeyFolder.Ids(one.PublicSet), KeyFolder.Ids(other.PublicSet));
        for (var i = 0; i < 50; i++)
        {
            _folder.Time.Advance(TimeSpan.FromHours(5));
            Assert.Equal(one.Current.Id, other.Current.Id);
            Assert.Contains(one.Current.Id, KeyFolder.Ids(other.PublicSet));
        }
    }

    [Fact]
    public void Restart_SameFolder_SignsWithTheSameKey()
    {
        var before = _folder.Open().Current.Id;
        Assert.Equal(before, _folder.Open().Current.Id);
    }

    [Fact]
    public void FolderThatEmptiesOrGoes_KeysInMemoryServeOn()
    {
        var keys = _folder.Open();
        var (id, set) = (keys.Current.Id, Encoding.UTF8.GetString(keys.PublicSet.Span));
        var file = Path.Combine(_folder.Path, _folder.Files[0]);
        var text = File.ReadAllText(file);
        File.Delete(file);
        keys.Refresh();
        Assert.Equal((id, set), (keys.Current.Id, Encoding.UTF8.GetString(keys.PublicSet.Span)));
        Assert.Empty(_folder.Files);

        Directory.Delete(_folder.Path);
        keys.Refresh();
        Assert.Equal((id, set), (keys.Current.Id, Encoding.UTF8.GetString(keys.PublicSet.Span)));

        Directory.CreateDirectory(_folder.Path);
        File.WriteAllText(file, text);
        keys.Refresh();
        Assert.Equal(id, keys.Current.Id);
    }

    [Fact]
    public void FileThatIsNoKey_IsLeftOut_AndTheOthersServe()
    {
        var keys = _folder.Open();
        var id = keys.Current.Id;
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var p256 = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _folder.Write("100-curve.pem", p384);
        _folder.Write("name.pem", p256);
        _folder.Write(".101-half.pem", p256);
        File.WriteAllText(Path.Combine(_folder.Path, "102-empty.pem"), "");
        File.WriteAllText(Path.Combine(_folder.Path, "103-public.pem"), p256.ExportSubjectPublicKeyInfoPem());
        File.WriteAllText(Path.Combine(_folder.Path, "99999999999999999999-large.pem"), p256.ExportPkcs8PrivateKeyPem());
        using var rsa = RSA.Create(2048);
        File.WriteAllText(Path.Combine(_folder.Path, "104-rsa.pem"), rsa.ExportPkcs8PrivateKeyPem());
        keys.Refresh();

        Assert.Equal([id], KeyFolder.Ids(keys.PublicSet));
        Assert.Equal(id, keys.Current.Id);
    }

    [Fact]
    public void Folder_WithoutAnyUsableKey_IsSaidAtStart()
    {
        Directory.CreateDirectory(_folder.Path);
        Assert.NotNull(_folder.Open().Current);
        File.WriteAllText(Path.Combine(_folder.Path, _folder.Files[0]), "broken");
        // A broken key is no reason to make another that nobody knows yet: but a gate that starts has nothing else.
        Assert.NotNull(_folder.Open().Current);
    }

    [Fact]
    public void FileThatCanBeReadOnlyLater_IsTakenUpThen_ThoughItsTimeIsTheSame()
    {
        var keys = _folder.Open();
        using var p256 = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var made = _folder.Time.GetUtcNow().ToUnixTimeSeconds();
        var elsewhere = Path.Combine(_folder.Path, "..", "elsewhere");
        File.CreateSymbolicLink(Path.Combine(_folder.Path, $"{made}-linked.pem"), elsewhere);
        keys.Refresh();
        Assert.Single(KeyFolder.Ids(keys.PublicSet));

        File.WriteAllText(elsewhere, p256.ExportPkcs8PrivateKeyPem());
        keys.Refresh();

        Assert.Equal(2, KeyFolder.Ids(keys.PublicSet).Count);
    }

    [Fact]
    public void KeyThatComesLongAfterItsMaking_IsPublishedFirst_AndTheOldOneKeptAllTheLonger()
    {
        var keys = _folder.Open();
        var old = keys.Current;
        _folder.Time.Advance(TimeSpan.FromDays(9));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _folder.Write($"{_folder.Time.GetUtcNow().AddDays(-3).ToUnixTimeSeconds()}-provided.pem", key);
        keys.Refresh();

        var published = KeyFolder.Ids(keys.PublicSet);
        Assert.Equal(2, published.Count);
        Assert.Same(old, keys.Current);
        _folder.Time.Advance(Times.PublishAhead);
        Assert.Equal(published[1], keys.Current.Id);
        _folder.Time.Advance(Times.KeepAfter - TimeSpan.FromMinutes(1));
        Assert.Equal(published, KeyFolder.Ids(keys.PublicSet));
        _folder.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal([published[1]], KeyFolder.Ids(keys.PublicSet));
    }

    [Fact]
    public void KeyOfTheSameSecond_DoesNotSignInPlaceOfTheOneThatDoes()
    {
        var keys = _folder.Open();
        var first = keys.Current;
        // Two gates start on one empty folder. Of ten ids some sort before the first one's.
        for (var i = 0; i < 10; i++)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            _folder.Write($"{first.Made.ToUnixTimeSeconds()}-other-{i}.pem", key);
        }

        keys.Refresh();

        Assert.Equal(11, KeyFolder.Ids(keys.PublicSet).Count);
        Assert.Same(first, keys.Current);
    }

    [Fact]
    public void KeyWhoseFileIsTakenAway_IsPublishedAndUsedNoMore()
    {
        var keys = _folder.Open();
        var leaked = keys.Current;
        _folder.Time.Advance(TimeSpan.FromHours(2));
        keys.Rotate();
        _folder.Time.Advance(Times.PublishAhead);
        File.Delete(Path.Combine(_folder.Path, _folder.Files.Single(file => file.Contains(leaked.Id, StringComparison.Ordinal))));
        keys.Refresh();

        Assert.DoesNotContain(leaked.Id, KeyFolder.Ids(keys.PublicSet));
        Assert.True(leaked.IsWithdrawn);
    }

    [Fact]
    public void PublicSet_WhateverHappensToTheFolder_IsKeysOrNothing()
    {
        var keys = _folder.Open();
        var random = new Random(7);
        for (var i = 0; i < 300; i++)
        {
            switch (random.Next(6))
            {
                case 0:
                    keys.Rotate();
                    break;
                case 1 when _folder.Files is { Count: > 0 } files:
                    File.Delete(Path.Combine(_folder.Path, files[random.Next(files.Count)]));
                    break;
                case 2 when _folder.Files is { Count: > 0 } files:
                    File.WriteAllText(Path.Combine(_folder.Path, files[random.Next(files.Count)]), "{}");
                    break;
                case 3:
                    File.WriteAllText(Path.Combine(_folder.Path, random.Next(1000) + "-x.pem"), "garbage");
                    break;
                default:
                    _folder.Time.Advance(TimeSpan.FromMinutes(random.Next(300)));
                    break;
            }

            keys.Refresh();
            Assert.NotEmpty(KeyFolder.Ids(keys.PublicSet));
            Assert.Contains(keys.Current.Id, KeyFolder.Ids(keys.PublicSet));
        }
    }

    [Fact]
    public void Key_InText_ShowsItsIdOnly() => Assert.Equal(_folder.Open().Current.Id, _folder.Open().Current.ToString());
}
