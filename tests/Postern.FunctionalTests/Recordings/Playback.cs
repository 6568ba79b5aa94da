using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Recordings;

/// <summary>One gate for all recordings, and a caller who may everything.</summary>
public sealed class Playback : IAsyncLifetime
{
    internal const string Caller = "root";

    internal Gate Gate { get; private set; } = null!;

    internal string Token { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Gate = await Gate.StartAsync();
        Token = Gate.Issuer.Token(Caller);
    }

    public ValueTask DisposeAsync() => Gate.DisposeAsync();

    /// <summary>The answer that the real server gave.</summary>
    internal static StubAnswer AnswerOf(RecordedCall call) => new()
    {
        HttpStatus = int.Parse(RawAnswer.Find(call.ResponseHeaders, ":status")!),
        Headers = [.. call.ResponseHeaders.Where(header => header.Name[0] != ':')],
        Body = call.ResponseBody.Length > 0 ? call.ResponseBody : null,
        Trailers = call.Trailers,
    };
}
