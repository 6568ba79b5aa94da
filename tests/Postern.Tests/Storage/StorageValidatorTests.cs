using Postern.Configuration;
using Postern.Tests.Configuration;

namespace Postern.Tests.Storage;

public sealed class StorageValidatorTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Host=db;Database=postern;Username=u;Password=hunter2;SSL Mode=VerifyFull")]
    [InlineData("Host=127.0.0.1;Port=5433;Database=postern;Username=u;Password=hunter2")]
    [InlineData("Host=/run/postgresql;Database=postern")]
    public void Postgres_GoodString_IsNoProblem(string text) => Assert.Empty(Parse(text).Problems);

    [Theory]
    [InlineData("hunter2", Severity.Error, "isn't a connection string")]
    [InlineData("Host=db;Database=postern;Pasword=hunter2", Severity.Error, "isn't a connection string")]
    [InlineData("Host=db;Database=postern;Port=hunter2", Severity.Error, "isn't a connection string")]
    [InlineData("Database=postern;Password=hunter2", Severity.Error, "names no Host")]
    [InlineData("Host=db;Password=hunter2", Severity.Error, "names no Database")]
    [InlineData("Host=db;Database=postern;Password=hunter2", Severity.Warning, "SSL Mode=VerifyFull")]
    [InlineData("Host=localhost,db;Database=postern;Password=hunter2;SSL Mode=Require", Severity.Warning, "SSL Mode=VerifyFull")]
    internal void Postgres_BadString_IsReportedWithoutIt(string text, Severity severity, string words)
    {
        var problem = Assert.Single(Parse(text).Problems);

        Assert.Equal((severity, "storage.postgres"), (problem.Severity, problem.Path));
        Assert.Contains(words, problem.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", problem.ToString(), StringComparison.Ordinal);
    }

    private ConfigurationResult Parse(string postgres)
    {
        _folder.SetEnvironment("DB", postgres);
        return _folder.Parse(ConfigurationFolder.Minimal + "storage: { postgres: '${env:DB}' }\n");
    }
}
