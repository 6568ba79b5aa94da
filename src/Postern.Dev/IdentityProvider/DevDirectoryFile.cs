using Microsoft.Extensions.Logging;
using Postern.Configuration;

namespace Postern.Dev.IdentityProvider;

/// <summary>
/// The file <c>postern-dev.yaml</c>: written on first start, read again when it has changed, so that a user who is added can log in at once. A file that
/// can't be read changes nothing: the last good one stays.
/// </summary>
internal sealed partial class DevDirectoryFile
{
    private readonly Lock _lock = new();
    private readonly string _path;
    private readonly ILogger _log;
    private (DateTime Written, long Length) _seen;
    private DevDirectory _current;

    private DevDirectoryFile(string path, ILogger log, DevDirectory current, (DateTime, long) seen)
    {
        _path = path;
        _log = log;
        _current = current;
        _seen = seen;
    }

    /// <summary>Opens the file, writing the first one where there is none.</summary>
    /// <exception cref="DevSetupException">The file is there and can't be used.</exception>
    public static DevDirectoryFile Open(string path, ILogger log)
    {
        if (!File.Exists(path))
        {
            File.WriteAllText(path, FirstText);
        }

        var seen = Stamp(path);
        var problems = new Problems(path);
        return Read(path, problems) is { } directory
            ? new DevDirectoryFile(path, log, directory, seen)
            : throw new DevSetupException(string.Join(Environment.NewLine, problems.Found));
    }

    /// <summary>The directory as the file says now.</summary>
    public DevDirectory Current
    {
        get
        {
            lock (_lock)
            {
                var stamp = Stamp(_path);
                if (stamp != _seen)
                {
                    _seen = stamp;
                    var problems = new Problems(_path);
                    if (Read(_path, problems) is { } directory)
                    {
                        _current = directory;
                        Log.Read(_log, directory.Users.Count, directory.Accounts.Count);
                    }
                    else
                    {
                        Log.KeptLast(_log, string.Join("; ", problems.Found));
                    }
                }

                return _current;
            }
        }
    }

    private static DevDirectory? Read(string path, Problems problems)
    {
        try
        {
            return new DevDirectoryReader(problems).Read(File.ReadAllText(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Error("", 0, $"the file can't be read: {e.Message}");
            return null;
        }
    }

    private static (DateTime, long) Stamp(string path)
    {
        var info = new FileInfo(path);
        return info.Exists ? (info.LastWriteTimeUtc, info.Length) : default;
    }

    private const string FirstText =
        """
        # Who can log in to the embedded identity provider. Edit and save: the next login sees it.
        # For trying and testing on one machine only: people have no passwords, and the secrets below are known to everyone.

        users:
          - name: alice
            email: alice@example.com
            groups: [payments]
          - name: bob
            email: bob@example.com
            groups: [support]
          - name: carol
            email: carol@example.com
            groups: [platform]

        accounts:                       # tokens by client credentials
          - id: payments-worker
            secret: payments-worker-secret
          - id: payroll-worker
            secret: payroll-worker-secret
          - id: report-agent
            secret: report-agent-secret
            kind: agent

        clients:                        # programs that send people to the login page; redirects go to http://127.0.0.1:<any port><redirectPath>
          - id: postern-demo
            redirectPath: /callback

        """;

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "The users file was read again: {Users} users, {Accounts} accounts")]
        public static partial void Read(ILogger logger, int users, int accounts);

        [LoggerMessage(LogLevel.Error, "The users file can't be used, the last good one stays: {Problems}")]
        public static partial void KeptLast(ILogger logger, string problems);
    }
}
