using System.Security.Cryptography;
using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.IdentityModel.JsonWebTokens;
using Postern.Engines.Temporal;
using Postern.Model;
using Postern.Tokens;

namespace Postern.Benchmarks;

/// <summary>What one assertion of a caller costs, from caller and call to the finished header, beside the signature in it alone, which the framework makes.</summary>
[MemoryDiagnoser]
#pragma warning disable CA1001 // Cleanup is for what it owns.
public class AssertionBenchmarks
#pragma warning restore CA1001
{
    private readonly Caller _caller = new()
    {
        Kind = CallerKind.Agent, Issuer = "okta", Subject = "alice@example.com", Name = "okta/alice@example.com", DisplayName = "alice@example.com", Actors = ["refund-bot"],
    };

    private readonly AssertedCall _call = new("StartWorkflowExecution", "payments", "refund-4711-2026-03-02", null, null);
    private readonly DateTimeOffset _now = new(2026, 3, 2, 12, 0, 0, TimeSpan.Zero);
    private readonly byte[] _hash = new byte[SHA256.HashSizeInBytes];
    private readonly byte[] _header = new byte[4096];
    private readonly byte[] _signature = new byte[64];
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private string _folder = null!;
    private string _claims = null!;
    private byte[] _signed = null!;
    private SigningKeys _keys = null!;
    private CallerAssertions _assertions = null!;

    [GlobalSetup]
    public void Setup()
    {
        _folder = Directory.CreateTempSubdirectory("postern-bench-").FullName;
        _keys = new SigningKeys(_folder, TimeProvider.System, NullLogger.Instance, SigningKeyTimes.OfAssertions);
        _assertions = new CallerAssertions(_keys, "main", TimeSpan.FromHours(1));
        var token = Encoding.ASCII.GetString(_assertions.Sign(_caller, _call, "01JD0000000000000000000000", _now));
        _signed = Encoding.ASCII.GetBytes(token[..token.LastIndexOf('.')]);
        _claims = new JsonWebToken(token) is var read ? Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Decode(read.EncodedPayload) : "";
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _keys.Dispose();
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>The signature over a hash, and nothing else.</summary>
    [Benchmark(Baseline = true)]
    public bool Signature() => _key.TrySignHash(_hash, _signature, DSASignatureFormat.IeeeP1363FixedFieldConcatenation, out _);

    /// <summary>The same with the hash of what is signed: less no token costs.</summary>
    [Benchmark]
    public bool HashAndSignature() => _key.TrySignData(_signed, _signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation, out _);

    [Benchmark]
    public int Assertion()
    {
        var token = _assertions.Sign(_caller, _call, "01JD0000000000000000000000", _now);
        AssertionHeader.Write(token, _header);
        return token.Length;
    }

    /// <summary>A token of the same claims, already written, by the library that reads them elsewhere.</summary>
    [Benchmark]
    public string Library() => _handler.CreateToken(_claims, _keys.Current.Credentials);
}
