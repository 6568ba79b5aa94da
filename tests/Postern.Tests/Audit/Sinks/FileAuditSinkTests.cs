using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Audit;
using Postern.Audit.Sinks;
using Postern.Configuration;

namespace Postern.Tests.Audit.Sinks;

public sealed class FileAuditSinkTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("postern-audit-").FullName;
    private readonly ManualTime _time = new();

    private string Folder => Path.Combine(_root, "audit");

    private string Current => Path.Combine(Folder, FileAuditSink.CurrentName);

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Write_NewFolder_IsPrivateAndHoldsTheLines()
    {
        await using var sink = Open();

        await Keep(sink, "{\"a\":1}");

        Assert.Equal("{\"a\":1}\n", await ReadAsync());
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(Current) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.GroupWrite));
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(Folder) & (UnixFileMode.OtherRead | UnixFileMode.OtherExecute));
    }

    [Fact]
    public async Task Open_FileWithLines_GoesOnBehindThem()
    {
        await using (var first = Open())
        {
            await Keep(first, "1");
        }

        await using var second = Open();
        await Keep(second, "2");

        Assert.Equal("1\n2\n", await ReadAsync());
    }

    [Theory]
    [InlineData("{\"event\":\"call\",\"id\":\"2\",\"caller\":\"ok")]
    [InlineData("\0\0\0\0")]
    [InlineData("x")]
    public async Task Open_TornLastLine_BecomesALineThatHoldsThePiece(string piece)
    {
        Directory.CreateDirectory(Folder);
        await File.WriteAllTextAsync(Current, "{\"id\":\"1\"}\n" + piece, TestContext.Current.CancellationToken);

        await using var sink = Open();
        await Keep(sink, "{\"id\":\"3\"}");

        var lines = (await ReadAsync()).TrimEnd('\n').Split('\n').Select(l => JsonDocument.Parse(l).RootElement).ToList();
        Assert.Equal(3, lines.Count);
        Assert.Equal("torn", lines[1].GetProperty("event").GetString());
        Assert.Equal(piece, lines[1].GetProperty("text").GetString());
        Assert.Equal("3", lines[2].GetProperty("id").GetString());
    }

    [Fact]
    public async Task Open_TornAtEveryByte_EveryLineReads()
    {
        Directory.CreateDirectory(Folder);
        const string Whole = "{\"id\":\"1\",\"caller\":\"grüße\"}\n{\"id\":\"2\"}\n";
        var bytes = Encoding.UTF8.GetBytes(Whole);
        for (var length = 0; length <= bytes.Length; length++)
        {
            await File.WriteAllBytesAsync(Current, bytes[..length], TestContext.Current.CancellationToken);
            await using (var sink = Open())
            {
                await Keep(sink, "{\"id\":\"last\"}");
            }

            var lines = (await ReadAsync()).TrimEnd('\n').Split('\n').Select(l => JsonDocument.Parse(l).RootElement).ToList();
            Assert.Equal("last", lines[^1].GetProperty("id").GetString());
        }
    }

    [Fact]
    public async Task Open_HugePieceWithoutLineEnd_IsEndedAndKept()
    {
        Directory.CreateDirectory(Folder);
        await File.WriteAllTextAsync(Current, new string('x', 200_000), TestContext.Current.CancellationToken);

        await using var sink = Open();
        await Keep(sink, "1");

        Assert.Equal(new string('x', 200_000) + "\n1\n", await ReadAsync());
    }

    [Fact]
    public async Task Write_NotFlushedAfterAFailure_IsTakenBack()
    {
        await using var sink = Open();
        await Keep(sink, "1");
        await sink.WriteAsync("half of a batch that is lon"u8.ToArray(), TestContext.Current.CancellationToken);

        // What a failed write or flush does: the next batch begins where the last good flush ended.
        sink.TakeBack();
        await Keep(sink, "2");

        Assert.Equal("1\n2\n", await ReadAsync());
    }

    [Fact]
    public async Task Rotate_BySize_BeginsANewFileAndKeepsSoMany()
    {
        await using var sink = Open(new AuditOptions { File = Folder, RotateBytes = new ByteSize(10), Keep = 2 });
        for (var i = 0; i < 6; i++)
        {
            await Keep(sink, $"line number {i}");
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal("line number 5\n", await ReadAsync());
        var closed = Closed();
        Assert.Equal(2, closed.Count);
        Assert.Equal(["line number 3\n", "line number 4\n"], closed.Select(File.ReadAllText));
    }

    [Fact]
    public async Task Rotate_SeveralWithinASecond_OverwritesNone()
    {
        await using var sink = Open(new AuditOptions { File = Folder, RotateBytes = new ByteSize(1) });
        for (var i = 0; i < 5; i++)
        {
            await Keep(sink, $"{i}");
        }

        Assert.Equal(["0\n", "1\n", "2\n", "3\n"], Closed().Select(File.ReadAllText).Order(StringComparer.Ordinal));
        Assert.Equal("4\n", await ReadAsync());
    }

    [Fact]
    public async Task Rotate_ByAge_BeginsANewFile()
    {
        await using var sink = Open(new AuditOptions { File = Folder, RotateAfter = TimeSpan.FromHours(1) });
        await Keep(sink, "1");
        _time.Advance(TimeSpan.FromMinutes(59));
        await Keep(sink, "2");
        _time.Advance(TimeSpan.FromMinutes(2));
        await Keep(sink, "3");

        Assert.Equal(["1\n2\n"], Closed().Select(File.ReadAllText));
        Assert.Equal("3\n", await ReadAsync());
    }

    [Fact]
    public async Task Rotate_BatchOfSeveralWrites_StaysInOneFile()
    {
        await using var sink = Open(new AuditOptions { File = Folder, RotateBytes = new ByteSize(3) });
        await sink.WriteAsync("first\n"u8.ToArray(), TestContext.Current.CancellationToken);
        await sink.WriteAsync("second\n"u8.ToArray(), TestContext.Current.CancellationToken);
        await sink.FlushAsync(TestContext.Current.CancellationToken);

        Assert.Equal("first\nsecond\n", await ReadAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Write_FileMovedOrDeleted_GoesOnInANewOne(bool isMoved)
    {
        await using var sink = Open();
        await Keep(sink, "1");
        if (isMoved)
        {
            File.Move(Current, Path.Combine(_root, "taken.jsonl"));
        }
        else
        {
            File.Delete(Current);
        }

        await Keep(sink, "2");

        Assert.Equal("2\n", await ReadAsync());
    }

    [Fact]
    public async Task Reopen_FileReplaced_WritesToTheNewOne()
    {
        await using var sink = Open();
        await Keep(sink, "1");
        File.Move(Current, Path.Combine(_root, "taken.jsonl"));
        await File.WriteAllTextAsync(Current, "new\n", TestContext.Current.CancellationToken);

        sink.Reopen();
        await Keep(sink, "2");

        Assert.Equal("new\n2\n", await ReadAsync());
    }

    [Fact]
    public async Task Open_FolderInUse_IsRefused()
    {
        await using var first = Open();

        Assert.ThrowsAny<IOException>(() => Open());
    }

    [Fact]
    public async Task Write_FolderGone_FailsThenRecovers()
    {
        await using var sink = Open();
        await Keep(sink, "1");
        Directory.Move(Folder, Folder + ".away");
        await File.WriteAllTextAsync(Folder, "a file stands in the way", TestContext.Current.CancellationToken);

        await Assert.ThrowsAnyAsync<IOException>(() => Keep(sink, "2"));
        await Assert.ThrowsAnyAsync<IOException>(() => Keep(sink, "2"));
        File.Delete(Folder);
        Directory.Move(Folder + ".away", Folder);
        await Keep(sink, "2");

        Assert.Equal("1\n2\n", await ReadAsync());
    }

    private FileAuditSink Open(AuditOptions? options = null) => new(options ?? new AuditOptions { File = Folder }, _time, NullLogger<FileAuditSink>.Instance);

    private Task<string> ReadAsync() => File.ReadAllTextAsync(Current, TestContext.Current.CancellationToken);

    private List<string> Closed() => [.. Directory.GetFiles(Folder, "audit-*.jsonl").OrderBy(f => f, StringComparer.Ordinal)];

    private static async Task Keep(FileAuditSink sink, string line)
    {
        await sink.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), TestContext.Current.CancellationToken);
        await sink.FlushAsync(TestContext.Current.CancellationToken);
    }
}
