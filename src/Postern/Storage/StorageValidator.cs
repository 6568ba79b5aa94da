using System.Net;
using Npgsql;
using Postern.Configuration;

namespace Postern.Storage;

/// <summary>Checks the storage block.</summary>
internal static class StorageValidator
{
    public static void Validate(StorageOptions options, string path, Problems problems)
    {
        if (options.Postgres is { } postgres)
        {
            ValidatePostgres(postgres, $"{path}.postgres", problems);
        }
    }

    // Apart, so that Npgsql is loaded only where PostgreSQL is configured. Npgsql's own words may quote the string, which holds a password.
    private static void ValidatePostgres(Secret secret, string path, Problems problems)
    {
        NpgsqlConnectionStringBuilder parsed;
        try
        {
            parsed = new NpgsqlConnectionStringBuilder(secret.Reveal().Trim());
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            problems.Error(path, "isn't a connection string; write Host=…;Database=…;Username=…;Password=…;SSL Mode=VerifyFull");
            return;
        }

        if (string.IsNullOrEmpty(parsed.Host) || string.IsNullOrEmpty(parsed.Database))
        {
            problems.Error(path, $"names no {(string.IsNullOrEmpty(parsed.Host) ? "Host" : "Database")}; write Host=…;Database=…;Username=…;Password=…;SSL Mode=VerifyFull");
        }
        else if (parsed.SslMode is not (SslMode.VerifyFull or SslMode.VerifyCA) && !parsed.Host.Split(',').All(IsHere))
        {
            problems.Warning(path, "doesn't verify whom it connects to; write SSL Mode=VerifyFull, with Root Certificate=… where the authority isn't the system's");
        }
    }

    private static bool IsHere(string host)
    {
        var name = host.Trim();
        return name.StartsWith('/') || name == "localhost" || IPEndPoint.TryParse(name, out var address) && IPAddress.IsLoopback(address.Address);
    }
}
