using Microsoft.AspNetCore.Http;
using Postern.Commands.Checks;
using Postern.Configuration;
using Postern.Identity;
using Postern.Identity.Introspection;
using Postern.Tests.Identity.Introspection;

namespace Postern.Tests.Commands;

public sealed class IntrospectionChecksTests
{
    [Fact]
    public async Task Endpoint_ThatAnswers_IsFine() => Assert.Empty(await RunAsync(null));

    [Fact]
    public async Task Endpoint_ThatRefusesUs_IsAnError() => Assert.Contains("refuses this gate's own client id", Assert.Single(await RunAsync(context =>
    {
        context.Response.StatusCode = 401;
        return Task.CompletedTask;
    })), StringComparison.Ordinal);

    [Fact]
    public async Task Endpoint_ThatTakesEverything_IsAnError() =>
        Assert.Contains("made up just now", Assert.Single(await RunAsync(context => context.Response.WriteAsync("""{"active":true,"sub":"alice"}"""))), StringComparison.Ordinal);

    private static async Task<List<string>> RunAsync(Func<HttpContext, Task>? answer)
    {
        await using var server = await TestServer.StartAsync();
        server.Answer = answer;
        var problems = new Problems("postern.yaml");
        var options = new PosternOptions
        {
            Identity = new IdentityOptions { Introspection = [new IntrospectionOptions { Name = "one", Endpoint = server.Url, ClientId = "a", ClientSecret = new Secret("b"), Prefix = "one_" }] },
        };

        await IntrospectionChecks.RunAsync(options, problems, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.StartsWith("one_", Assert.Single(server.Asked).Token, StringComparison.Ordinal);
        return [.. problems.Found.Select(problem => problem.ToString())];
    }
}
