using System.CommandLine;
using System.Net;
using Postern.Configuration;

namespace Postern.Commands.Management;

/// <summary>Where the management API is and who asks: what every verb that speaks to it takes.</summary>
internal static class ManagementOptions
{
    /// <summary>The variable that holds the credential. An argument would be seen by every user of the machine.</summary>
    public const string TokenVariable = "POSTERN_TOKEN";

    public static readonly Option<string> Admin = new("--admin")
    {
        Description = "The gate's admin listener: an address such as 127.0.0.1:7239, or an https:// URL. Default: admin.address of the configuration.",
        HelpName = "address",
    };

    public static readonly Option<string> TokenFile = new("--token-file")
    {
        Description = $"A file with the credential (a key or a token), or - for stdin. Default: the variable {TokenVariable}.",
        HelpName = "file",
    };

    /// <summary>Adds them to a verb.</summary>
    public static VerbCommand WithManagement(this VerbCommand command)
    {
        command.Add(Admin);
        command.Add(TokenFile);
        command.Add(CommonOptions.Config);
        return command;
    }

    /// <summary>The API's address; null, with what is wrong, where it can't be told or would be reached in clear.</summary>
    public static Uri? Address(ParseResult parsed, out string wrong)
    {
        wrong = "";
        var text = parsed.GetValue(Admin) ?? Configured(parsed);
        if (text.StartsWith("https://", StringComparison.OrdinalIgnoreCase) && Uri.TryCreate(text, UriKind.Absolute, out var url))
        {
            return url;
        }

        var host = text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) ? text["http://".Length..].TrimEnd('/') : text;
        if (host.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase))
        {
            return new Uri($"http://{host}");
        }

        if (!Addresses.TryParseListen(host, out var endPoint) || endPoint.Port == 0)
        {
            wrong = $"--admin takes an address such as 127.0.0.1:7239, or an https:// URL, not '{text}'";
            return null;
        }

        // On all addresses means on this one too.
        var address = endPoint.Address.Equals(IPAddress.Any) ? IPAddress.Loopback : endPoint.Address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : endPoint.Address;
        if (!IPAddress.IsLoopback(address))
        {
            wrong = $"the admin listener at {text} has no TLS, and the credential would be sent there in clear; run this on the gate's machine, through a tunnel, or name an https:// URL that leads there";
            return null;
        }

        return new Uri($"http://{new IPEndPoint(address, endPoint.Port)}");
    }

    /// <summary>The credential; null, with what to do, where there is none.</summary>
    public static async Task<(string? Token, string Wrong)> TokenAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var token = parsed.GetValue(TokenFile) is { } file ? await SecretInput.ReadAsync(file, cancellation) : Environment.GetEnvironmentVariable(TokenVariable)?.Trim();
        return string.IsNullOrEmpty(token) ? (null, $"no credential: set {TokenVariable}, or name a file with --token-file; not an argument, since other users see command lines")
            : token.Any(c => c is < '!' or > '~') ? (null, "the credential holds characters that none has; is it the right file?")
            : (token, "");
    }

    private static string Configured(ParseResult parsed)
    {
        var file = parsed.GetRequiredValue(CommonOptions.Config);
        return (File.Exists(file) ? PosternConfiguration.Load(file).Draft?.Admin.Address : null) ?? new Hosting.AdminOptions().Address;
    }
}
