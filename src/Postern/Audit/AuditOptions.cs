using Postern.Configuration;
using Postern.Model;

namespace Postern.Audit;

/// <summary>The record of every call.</summary>
internal sealed record AuditOptions
{
    /// <summary>Folder of the audit files. Required.</summary>
    [Required("/var/lib/postern/audit"), Path(PathKind.Folder)]
    public string File { get; init; } = "";

    /// <summary>A file is closed and a new one begun at this size. Default 256MiB.</summary>
    [Between("1MiB", "64GiB")]
    public ByteSize RotateBytes { get; init; } = ByteSize.MiB(256);

    /// <summary>A file is closed and a new one begun after this time. Default 24h.</summary>
    [Between("1m", "366d")]
    public TimeSpan RotateAfter { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Closed files kept; the oldest beyond it are deleted. Default 0: all are kept.</summary>
    [Between("0", "1000000")]
    public int Keep { get; init; }

    /// <summary>Permissions whose class differs from the default (write, progress or read).</summary>
    public IReadOnlyDictionary<string, AuditClass> Classes { get; init; } = new Dictionary<string, AuditClass>();
}
