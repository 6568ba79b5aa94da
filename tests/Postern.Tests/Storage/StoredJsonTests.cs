using System.Text.Json;
using Postern.Model;
using Postern.Storage;

namespace Postern.Tests.Storage;

public sealed class StoredJsonTests
{
    // What is stored is read by other builds: these texts change only with a migration.
    [Fact]
    public void Write_AKey_IsTheReleasedText() => Assert.Equal(
        """{"id":"k1","ownerId":"acc_1","name":"","hash":"AQI=","createdAt":"2026-01-01T00:00:00+00:00","createdBy":"x","expiresAt":"2026-02-01T00:00:00+00:00","revokedAt":null,"replaces":null,"sources":[],"namespaces":[],"roles":[],"version":1}""",
        StoredJson.Write(new ApiKey
        {
            Id = "k1",
            OwnerId = "acc_1",
            Hash = [1, 2],
            CreatedAt = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero),
            CreatedBy = "x",
            ExpiresAt = new DateTimeOffset(2026, 2, 1, 0, 0, 0, TimeSpan.Zero),
        }));

    [Fact]
    public void Write_AnAccount_IsTheReleasedText() => Assert.Equal(
        """{"id":"acc_1","kind":"agent","name":"triage","description":"","owner":"","labels":{},"namespaces":[],"audiences":{},"publicKeys":[],"expiresAt":null,"disabled":false,"createdAt":"2026-01-01T00:00:00+00:00","createdBy":"x","version":1}""",
        StoredJson.Write(new Account { Id = "acc_1", Kind = CallerKind.Agent, Name = "triage", CreatedAt = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), CreatedBy = "x" }));

    [Fact]
    public void Write_AUser_IsTheReleasedText() => Assert.Equal(
        """{"id":"usr_1","name":"bob","displayName":"","groups":[],"password":"p","disabled":false,"sessionVersion":1,"createdAt":"2026-01-01T00:00:00+00:00","createdBy":"x","version":1}""",
        StoredJson.Write(new LocalUser { Id = "usr_1", Name = "bob", Password = "p", CreatedAt = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), CreatedBy = "x" }));

    // A property that came with a later migration is missing in what was written before it.
    [Fact]
    public void Read_WhatAnOlderBuildWrote_HasTheDefaultOfWhatItLacks()
    {
        var account = StoredJson.Read<Account>("""{"id":"acc_1","kind":"agent","name":"triage","createdAt":"2026-01-01T00:00:00+00:00","createdBy":"x"}""");

        Assert.Empty(account.PublicKeys);
        Assert.Equal(1, StoredJson.Read<LocalUser>("""{"id":"usr_1","name":"bob","password":"p","createdAt":"2026-01-01T00:00:00+00:00","createdBy":"x"}""").SessionVersion);
        Assert.Equal((1L, false), (account.Version, account.Disabled));
    }

    [Theory]
    [InlineData("""{"id":"u","name":"bob","password":"p","createdAt":"2026-01-01T00:00:00+00:00","createdBy":"x","later":true}""")]
    [InlineData("""{"id":"u","name":null,"password":"p","createdAt":"2026-01-01T00:00:00+00:00","createdBy":"x"}""")]
    [InlineData("""{"id":"u","name":"bob"}""")]
    [InlineData("null")]
    public void Read_WhatThisBuildDoesNotKnow_IsNotGuessed(string text) => Assert.Throws<JsonException>(() => StoredJson.Read<LocalUser>(text));
}
