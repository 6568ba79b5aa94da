using System.CommandLine;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.IdentityModel.Tokens;
using Postern.Client;
using Postern.Commands.Terminal;

namespace Postern.Commands.Workload;

/// <summary>Who a workload is and how it proves that, or whose login it goes by: the options that <c>token</c>, <c>exec</c> and <c>agent</c> share, each meaning the same.</summary>
internal static class WorkloadIdentity
{
    public static readonly Option<Uri> Gate = new("--gate")
    {
        Description = "The gate: https://postern.example.com:7233. Default: POSTERN_GATE.",
        HelpName = "url",
        DefaultValueFactory = _ => Uri.TryCreate(Environment.GetEnvironmentVariable("POSTERN_GATE"), UriKind.Absolute, out var gate) ? gate : null!,
        CustomParser = ReadUrl,
    };

    public static readonly Option<Uri> TokenEndpoint = new("--token-endpoint")
    {
        Description = "Where tokens are had, if not at the gate's /oauth/token.",
        HelpName = "url",
        CustomParser = ReadUrl,
    };

    public static readonly Option<string> Account = new("--account") { Description = "The account, with --key-file or --private-key. Default: POSTERN_ACCOUNT.", HelpName = "name", DefaultValueFactory = _ => Environment.GetEnvironmentVariable("POSTERN_ACCOUNT")! };

    public static readonly Option<string> KeyFile = new("--key-file") { Description = "A file with a key of the account (pst_…), read for every token. Without any of these: the key in POSTERN_KEY.", HelpName = "file" };

    public static readonly Option<string> PrivateKey = new("--private-key") { Description = "A PEM file with the account's private key (EC P-256); nothing secret then leaves this machine.", HelpName = "file" };

    public static readonly Option<string> KeyId = new("--key-id") { Description = "The id under which the public key is registered, with --private-key.", HelpName = "id" };

    public static readonly Option<string> WorkloadFile = new("--workload-file") { Description = "A file with a token of the platform that is exchanged: Kubernetes, SPIFFE, a CI system. Read for every token.", HelpName = "file" };

    public static readonly Option<string> Login = new("--profile") { Description = "Instead of an account: the login of a person on this machine (postern login), which also says which gate.", HelpName = "name" };

    public static readonly Option<string> Audience = new("--audience") { Description = "For whom the token is meant: an engine's audience, or that of an API behind activities.", HelpName = "name" };

    public static readonly Option<string> Scope = new("--scope") { Description = "What the token is narrowed to.", HelpName = "words" };

    public static readonly Option<string> Authority = new("--authority") { Description = "A PEM file with the authorities of the gate's certificate. Default: the system's.", HelpName = "file" };

    static WorkloadIdentity() => TerminalOptions.NamesAProfile(Login);

    /// <summary>All of them.</summary>
    public static IEnumerable<Option> Options => [Gate, TokenEndpoint, Account, KeyFile, PrivateKey, KeyId, WorkloadFile, Login, Audience, Scope, Authority];

    /// <summary>Where calls go, and the authorities of its certificate: as written, or as the login says. Null where nothing says it.</summary>
    public static (Uri? Gate, string? Authority) GateOf(ParseResult parsed, bool isPrefect)
    {
        var session = parsed.GetValue(Login) is { } profile ? LoginSession.Read(profile) : null;
        return (session is null ? parsed.GetValue(Gate) : isPrefect ? session.Prefect : session.Gate, parsed.GetValue(Authority) ?? session?.Authority);
    }

    /// <summary>The source of tokens that the arguments describe, or what is wrong with them.</summary>
    public static PosternTokenSource? Read(ParseResult parsed, TimeProvider time, out string wrong)
    {
        wrong = "";
        if (parsed.GetValue(Login) is not null && (parsed.GetResult(Gate) is { Implicit: false } || parsed.GetResult(TokenEndpoint) is not null))
        {
            wrong = "--profile says which gate: leave --gate and --token-endpoint out.";
            return null;
        }

        Uri? issuer;
        string? authority;
        try
        {
            var session = parsed.GetValue(Login) is { } profile ? LoginSession.Read(profile) ?? throw new InvalidDataException(LoginGrant.Nobody(profile)) : null;
            (issuer, authority) = (session?.Issuer ?? parsed.GetValue(Gate), parsed.GetValue(Authority) ?? session?.Authority);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            wrong = e.Message;
            return null;
        }

        var endpoint = parsed.GetValue(TokenEndpoint) ?? (issuer is null ? null : new Uri(issuer, "/oauth/token"));
        if (endpoint is null)
        {
            wrong = "Which gate? Write --gate https://postern.example.com:7233, or set POSTERN_GATE.";
            return null;
        }

        if (Grant(parsed, time, out wrong) is not { } grant)
        {
            return null;
        }

        try
        {
            return new PosternTokenSource(
                new PosternTokenOptions { Endpoint = endpoint, Grant = grant, Audience = parsed.GetValue(Audience), Scope = parsed.GetValue(Scope) }, new HttpClient(Handler(authority)), time);
        }
        catch (ArgumentException e)
        {
            wrong = e.Message;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            wrong = $"--authority: {e.Message}";
        }

        return null;
    }

    /// <summary>How the gate is connected to: TLS 1.2 or newer, its certificate checked against the named authorities.</summary>
    public static SocketsHttpHandler Handler(string? authority)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseCookies = false, UseProxy = false, ActivityHeadersPropagator = null, PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectTimeout = TimeSpan.FromSeconds(10), EnableMultipleHttp2Connections = true, KeepAlivePingDelay = TimeSpan.FromSeconds(60), KeepAlivePingTimeout = TimeSpan.FromSeconds(20),
        };
        if (authority is { } file)
        {
            var trusted = new X509Certificate2Collection();
            trusted.ImportFromPemFile(file);
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(trusted);
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }

        return handler;
    }

    private static PosternGrant? Grant(ParseResult parsed, TimeProvider time, out string wrong)
    {
        wrong = "";
        var (account, keyFile, privateKey, workload, login) = (parsed.GetValue(Account), parsed.GetValue(KeyFile), parsed.GetValue(PrivateKey), parsed.GetValue(WorkloadFile), parsed.GetValue(Login));
        if (new[] { keyFile, privateKey, workload, login }.Count(one => one is not null) > 1)
        {
            wrong = "One identity is enough: --key-file, --private-key, --workload-file or --profile.";
            return null;
        }

        if (login is not null)
        {
            return LoginGrant.Of(login, time);
        }

        if (workload is not null)
        {
            return PosternGrant.WorkloadFile(workload);
        }

        var key = Environment.GetEnvironmentVariable("POSTERN_KEY");
        if (string.IsNullOrEmpty(account) || (keyFile is null && privateKey is null && string.IsNullOrEmpty(key)))
        {
            wrong = "Who is this? Write --workload-file <file>, --profile <name>, or --account <name> with --key-file <file>, --private-key <file> or POSTERN_KEY.";
            return null;
        }

        try
        {
            return privateKey is not null ? PosternGrant.PrivateKeyJwt(account, Signing(privateKey, parsed.GetValue(KeyId)), time)
                : keyFile is not null ? PosternGrant.ClientCredentials(account, async cancellation => await File.ReadAllTextAsync(keyFile, cancellation))
                : PosternGrant.ClientCredentials(account, key!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            wrong = $"--private-key: {e.Message}";
            return null;
        }
    }

    private static SigningCredentials Signing(string file, string? keyId)
    {
        var ecdsa = ECDsa.Create();
        ecdsa.ImportFromPem(File.ReadAllText(file));
        return new SigningCredentials(new ECDsaSecurityKey(ecdsa) { KeyId = keyId }, SecurityAlgorithms.EcdsaSha256);
    }

    /// <summary>Reads an http or https URL.</summary>
    public static Uri? ReadUrl(System.CommandLine.Parsing.ArgumentResult result)
    {
        var text = result.Tokens.Single().Value;
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp))
        {
            return url;
        }

        result.AddError($"'{text}' is no http or https URL.");
        return null;
    }
}
