using Microsoft.Extensions.Logging.Abstractions;
using Postern.Configuration;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Introspection;
using Postern.Model;
using Postern.Tests.Audit;

namespace Postern.Tests.Identity.Introspection;

/// <summary>A source that asks a server on loopback, with a clock that stands still.</summary>
internal sealed class IntrospectionBench : IAsyncDisposable
{
    private readonly List<IdentitySources> _sources = [];

    private IntrospectionBench(TestServer server)
    {
        Server = server;
        Reload(new IntrospectionOptions { Name = "legacy", Endpoint = server.Url, ClientId = "postern:gate", ClientSecret = new Secret("s e/cret"), Timeout = TimeSpan.FromSeconds(20) });
    }

    public TestServer Server { get; }

    public ManualTime Time { get; } = new();

    public Revocations Revocations { get; } = new();

    public IntrospectionOptions Options { get; private set; } = null!;

    public IdentitySources Sources => _sources[^1];

    public long Now => Time.GetUtcNow().ToUnixTimeSeconds();

    public static async Task<IntrospectionBench> StartAsync() => new(await TestServer.StartAsync());

    public void Reload(params IntrospectionOptions[] options)
    {
        Options = options[0];
        var before = _sources.LastOrDefault();
        _sources.Add(new IdentitySources([new IntrospectionIdentitySource(options, before?.Source<IntrospectionIdentitySource>(), Revocations, Time, NullLogger.Instance)], before, Time));
    }

    public async Task<AuthenticationResult> AskAsync(string token) => await Sources.AuthenticateAsync("Bearer " + token, null, TestContext.Current.CancellationToken);

    public async Task<VerifiedToken> VerifiedAsync(string token)
    {
        var (verified, refusal) = await AskAsync(token);
        Assert.True(verified is not null, refusal?.Text + refusal?.Detail);
        return verified;
    }

    public async Task<Refusal> RefusalAsync(string token)
    {
        var (verified, refusal) = await AskAsync(token);
        Assert.Null(verified);
        return refusal!;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var sources in _sources)
        {
            await sources.DisposeAsync();
        }

        await Server.DisposeAsync();
    }
}
