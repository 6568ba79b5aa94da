namespace Postern.Hosting;

/// <summary>
/// Notices that watched files changed, by asking for time and size every second: notifications miss the ways in which mounted volumes swap their files.
/// A change is told once it has stood still for one round, so that a file is not read while it is being written.
/// </summary>
internal sealed class FileChanges : IDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly Func<IEnumerable<string>> _files;
    private readonly Action _changed;
    private readonly ITimer _timer;
    private readonly Lock _checking = new();
    private string _told;
    private string _seen;

    public FileChanges(Func<IEnumerable<string>> files, Action changed, TimeProvider time)
    {
        _files = files;
        _changed = changed;
        _told = _seen = Stamp();
        _timer = time.CreateTimer(static state => ((FileChanges)state!).Check(), this, Every, Every);
    }

    public void Dispose() => _timer.Dispose();

    private void Check()
    {
        if (!_checking.TryEnter())
        {
            return;
        }

        try
        {
            var now = Stamp();
            var stands = now == _seen;
            _seen = now;
            if (stands && now != _told)
            {
                _told = now;
                _changed();
            }
        }
        finally
        {
            _checking.Exit();
        }
    }

    private string Stamp() => string.Join('\n', _files().SelectMany(Expand).Select(file =>
    {
        var info = new FileInfo(file);
        // A link's own time doesn't change when what it leads to is replaced.
        var target = info.LinkTarget is null ? info : info.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? info;
        return target.Exists ? $"{file} {target.LastWriteTimeUtc.Ticks} {target.Length}" : $"{file} -";
    }));

    private static IEnumerable<string> Expand(string path) =>
        Directory.Exists(path) ? Directory.EnumerateFiles(path, "*.yaml").Order(StringComparer.Ordinal) : [path];
}
