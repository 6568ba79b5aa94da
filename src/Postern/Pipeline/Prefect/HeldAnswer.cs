using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// Holds the server's answer back, whole, until its record is on disk. One that grows past the bound goes on its way from there: only its first part was held, and
/// its outcome is recorded after it.
/// </summary>
internal sealed class HeldAnswer : Stream
{
    private readonly IFeatureCollection _features;
    private readonly IHttpResponseBodyFeature _original;
    private readonly long _most;
    private readonly MemoryStream _held = new();

    private HeldAnswer(IFeatureCollection features, long most)
    {
        _features = features;
        _original = features.GetRequiredFeature<IHttpResponseBodyFeature>();
        _most = most;
    }

    /// <summary>What is held; null where the answer was too long to be.</summary>
    public ReadOnlyMemory<byte>? Bytes => IsPast ? null : _held.GetBuffer().AsMemory(0, (int)_held.Length);

    /// <summary>Whether the answer is on its way already.</summary>
    public bool IsPast { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>From here on what is written into the response is held.</summary>
    public static HeldAnswer Begin(HttpContext context, long most)
    {
        var held = new HeldAnswer(context.Features, most);
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(held, held._original));
        return held;
    }

    /// <summary>Puts the response back as it was; what is held stays.</summary>
    public void End() => _features.Set(_original);

    /// <summary>Puts something else in the place of what is held.</summary>
    public void Replace(ReadOnlySpan<byte> answer)
    {
        _held.SetLength(0);
        _held.Write(answer);
    }

    /// <summary>Sends what is held.</summary>
    public async ValueTask ReleaseAsync(CancellationToken cancellation)
    {
        if (!IsPast && _held.Length > 0)
        {
            await _original.Stream.WriteAsync(_held.GetBuffer().AsMemory(0, (int)_held.Length), cancellation);
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!IsPast && _held.Length + buffer.Length > _most)
        {
            await ReleaseAsync(cancellationToken);
            IsPast = true;
        }

        if (IsPast)
        {
            await _original.Stream.WriteAsync(buffer, cancellationToken);
            return;
        }

        _held.Write(buffer.Span);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => IsPast ? _original.Stream.FlushAsync(cancellationToken) : Task.CompletedTask;

    public override void Flush()
    {
    }

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
