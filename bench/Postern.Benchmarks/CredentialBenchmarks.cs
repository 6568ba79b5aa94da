using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;
using Postern.Hosting;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.ApiKeys;
using Postern.Model;

namespace Postern.Benchmarks;

/// <summary>What it costs to know who is calling by a key, among 100,000 keys of 10,000 accounts. Everything is in memory: there is no store here to ask.</summary>
[MemoryDiagnoser]
#pragma warning disable CA1001 // Cleanup is for what it owns.
public class CredentialBenchmarks
#pragma warning restore CA1001
{
    private const int Accounts = 10_000;
    private const int KeysEach = 10;

    private readonly List<StringValues> _values = [];
    private string _folder = null!;
    private IdentitySources _sources = null!;
    private ApiKeyIdentitySource _keys = null!;
    private int _next;

    /// <summary>What the directory holds in memory, with everything that hangs from it.</summary>
    public long DirectoryBytes { get; private set; }

    [GlobalSetup]
    public void Setup()
    {
        _folder = Directory.CreateTempSubdirectory("postern-bench-").FullName;
        var hash = CredentialKeys.HashOf(_folder, TimeProvider.System, NullLoggerFactory.Instance);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var directory = new AccountDirectory(TimeProvider.System);
        var now = DateTimeOffset.UtcNow;
        for (var i = 0; i < Accounts; i++)
        {
            var account = new Account { Id = $"acc_{i:x16}", Kind = CallerKind.Service, Name = $"worker-{i}", CreatedAt = now, CreatedBy = "okta/root@example.com" };
            var keys = Enumerable.Range(0, KeysEach).Select(_ => Key(account, hash, now)).ToArray();
            directory.Apply(new StoreChanges { Revision = new StoreRevision("bench", i), IsWhole = false, Accounts = [account], Keys = keys });
        }

        DirectoryBytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        Console.WriteLine($"// {directory.Keys} keys of {directory.Principals} accounts: {DirectoryBytes / 1024 / 1024} MiB in memory");
        _keys = new ApiKeyIdentitySource(directory, hash, TimeProvider.System);
        _sources = new IdentitySources([_keys], null, TimeProvider.System);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _sources.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A worker that calls again and again: its credential is known.</summary>
    [Benchmark(Baseline = true)]
    public bool Known() => Ask(_values[0]);

    /// <summary>The verification itself: text, id, keyed hash, account.</summary>
    [Benchmark]
    public bool Verification()
    {
        var credential = Credential.Read(_values[_next = (_next + 7919) % _values.Count], null)!;
        var answer = _keys.VerifyAsync(credential, CancellationToken.None);
        return answer.IsCompletedSuccessfully && answer.Result.Token is not null;
    }

    /// <summary>Each call by another of a hundred thousand keys: most are verified anew, since fewer are remembered.</summary>
    [Benchmark]
    public bool Anew() => Ask(_values[_next = (_next + 7919) % _values.Count]);

    private bool Ask(StringValues authorization)
    {
        var answer = _sources.AuthenticateAsync(authorization, null, CancellationToken.None);
        return answer.IsCompletedSuccessfully && answer.Result.Token is not null ? true : throw new InvalidOperationException("A key that should be known isn't.");
    }

    private ApiKey Key(Account account, SecretHash hash, DateTimeOffset now)
    {
        var (id, text) = ApiKeyText.Create();
        _values.Add("Bearer " + text);
        return new ApiKey { Id = id, OwnerId = account.Id, Hash = [.. hash.Of(Encoding.ASCII.GetBytes(text))], CreatedAt = now, CreatedBy = account.CreatedBy, ExpiresAt = now.AddDays(90) };
    }
}
