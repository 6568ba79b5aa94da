using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Pipeline;
using Postern.Tokens;

namespace Postern.Tests.Pipeline;

public sealed class PageTokensTests : IDisposable
{
    private static readonly byte[] s_bound = "4:main5:alice"u8.ToArray();

    private readonly string _folder = Directory.CreateTempSubdirectory("postern-pages-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("", 0)]
    [InlineData("team-0042", 3)]
    [InlineData("a name that is longer than one block of what is encrypted, so that it takes two of them; nobody learns from outside how much longer than that it is", int.MaxValue)]
    public void Read_WhatWasWritten_IsTheSamePlace(string token, int skip)
    {
        var read = Tokens().Read(s_bound, Tokens().Write(s_bound, new ListPosition(Encoding.UTF8.GetBytes(token), skip)));

        Assert.Equal((token, skip), (Encoding.UTF8.GetString(read!.Value.Token.Span), read.Value.Skip));
    }

    [Fact]
    public void Read_BoundToAnything_ThatIsNotTheSame_IsNone()
    {
        var written = Tokens().Write(s_bound, new ListPosition("x"u8.ToArray(), 1));

        Assert.Null(Tokens().Read("4:main5:bobby"u8, written));
        Assert.Null(Tokens().Read([.. s_bound, 0], written));
        Assert.Null(Tokens().Read([], written));
    }

    [Fact]
    public void Read_RandomBytesAndMutations_IsNoneAndNeverThrows() => Fuzz(20_000);

    [Fact]
    [Trait("Length", "long")]
    public void Read_AMillionRandomBytesAndMutations_IsNoneAndNeverThrows() => Fuzz(1_000_000);

    private void Fuzz(int cases)
    {
        var random = new Random(20261128);
        var tokens = Tokens();
        var whole = tokens.Write(s_bound, new ListPosition("team-0042"u8.ToArray(), 3));
        var other = tokens.Write(s_bound, new ListPosition("team-0043"u8.ToArray(), 3));
        for (var i = 0; i < cases; i++)
        {
            byte[] bytes = random.Next(6) switch
            {
                0 => new byte[random.Next(0, 600)],
                1 => whole[..random.Next(whole.Length)],
                2 => [.. whole, (byte)random.Next(256)],
                3 => [.. whole[..(whole.Length / 2)], .. other[(whole.Length / 2)..]],
                _ => [.. whole],
            };
            if (bytes.Length is not 0 && bytes.All(b => b == 0))
            {
                random.NextBytes(bytes);
            }

            for (var edits = random.Next(1, 4); edits > 0 && bytes.Length > 0; edits--)
            {
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            }

            Assert.True(tokens.Read(s_bound, bytes) is null || bytes.AsSpan().SequenceEqual(whole) || bytes.AsSpan().SequenceEqual(other), Convert.ToHexString(bytes));
        }
    }

    private PageTokens Tokens() => new(new SealKeys(_folder, TimeProvider.System, NullLogger.Instance).For("pages"));
}
