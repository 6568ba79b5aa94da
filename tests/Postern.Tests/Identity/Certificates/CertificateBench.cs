using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Primitives;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Certificates;
using Postern.Identity.Federated;
using Postern.Model;
using Postern.Tests.Audit;
using Postern.Tests.Identity.Accounts;

namespace Postern.Tests.Identity.Certificates;

/// <summary>A source over authorities of a test, with a clock that stands still.</summary>
internal sealed class CertificateBench : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("postern-").FullName;
    private readonly List<IdentitySources> _sources = [];

    public CertificateBench(Func<CertificateOptions, CertificateOptions>? with = null)
    {
        Account = Accounts.Account("payroll-worker");
        var options = new CertificateOptions { Name = "workers", Authorities = [Write("ca.pem", Root)], Account = "payroll-worker" };
        Reload(with?.Invoke(options) ?? options);
    }

    public TestAuthority Root { get; } = new();

    public AccountBench Accounts { get; } = new();

    public Account Account { get; }

    public Revocations Revocations { get; } = new();

    public ManualTime Time => Accounts.Time;

    public CertificateOptions Options { get; private set; } = null!;

    public IdentitySources Sources => _sources[^1];

    public string Write(string name, params TestAuthority[] authorities)
    {
        var file = Path.Combine(_folder, name);
        File.WriteAllText(file, string.Join('\n', authorities.Select(authority => authority.Pem)));
        return file;
    }

    public void Reload(params CertificateOptions[] options)
    {
        Options = options[0];
        var before = _sources.LastOrDefault();
        _sources.Add(new IdentitySources(
            [new ClientCertificateIdentitySource(options, before?.Source<ClientCertificateIdentitySource>(), Accounts.Directory, Revocations, Time)], before, Time));
    }

    public Task RetireAsync() => _sources[^2].RetireAsync(_sources[^1]).AsTask();

    public static PresentedCertificate Present(X509Certificate2 certificate, params IEnumerable<X509Certificate2> others) => new(certificate, [.. others]);

    public async Task<AuthenticationResult> AskAsync(PresentedCertificate? certificate, StringValues authorization = default) =>
        await Sources.AuthenticateAsync(authorization, certificate, null, TestContext.Current.CancellationToken);

    public async Task<VerifiedToken> VerifiedAsync(PresentedCertificate certificate)
    {
        var (verified, refusal) = await AskAsync(certificate);
        Assert.True(verified is not null, refusal?.Text);
        return verified;
    }

    public async Task<Refusal> RefusalAsync(PresentedCertificate certificate)
    {
        var (verified, refusal) = await AskAsync(certificate);
        Assert.Null(verified);
        return refusal!;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var sources in _sources)
        {
            await sources.DisposeAsync();
        }

        await Accounts.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
