using System.Security.Cryptography;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Postern.Model;
using Postern.Tokens;

namespace Postern.Tests.Tokens;

/// <summary>
/// Two gates on one folder and a stock server that fetches from one of them, now this one, now that: whatever rotates, restarts or is put into the folder, the
/// server accepts every token at every moment.
/// </summary>
public sealed class RotationPropertyTests
{
    private static readonly SigningKeyTimes Times = new() { RotateAfter = TimeSpan.FromDays(1) };
    private static readonly TimeSpan Tick = TimeSpan.FromMinutes(10);
    private static readonly Caller Alice = new()
    {
        Kind = CallerKind.Human, Issuer = "okta", Subject = "alice", Name = "okta/alice", DisplayName = "alice", Claims = JsonDocument.Parse("{}").RootElement,
    };

    private static readonly Gen<Step> Steps = Gen.Frequency(
        (4, Gen.Choose(1, 30).Select(ticks => new Step(Act.Pass, ticks))),
        (2, Gen.Choose(0, 1).Select(gate => new Step(Act.Rotate, gate))),
        (2, Gen.Choose(0, 1).Select(gate => new Step(Act.Restart, gate))),
        (2, Gen.Choose(0, 40).Select(hours => new Step(Act.Provide, hours))));

    private enum Act { Pass, Rotate, Restart, Provide }

    [Fact]
    public void Token_OfEitherGate_IsAcceptedAtEveryMoment() =>
        Prop.ForAll(Steps.ListOf().Resize(12).ToArbitrary(), steps => Hold([.. steps])).Check(Config.QuickThrowOnFailure.WithMaxTest(40));

    private static void Hold(IReadOnlyList<Step> steps)
    {
        using var folder = new KeyFolder();
        var gates = new Gate[2];
        gates[0] = Open(folder);
        gates[1] = Open(folder);
        var server = new StockServer("temporal");
        // A folder's first hour has nothing to go by: all its keys are new, and the first has to sign.
        folder.Time.Advance(Times.PublishAhead);
        server.Fetch(gates[0].Keys.PublicSet);
        var ticks = 0;
        var provided = DateTimeOffset.MinValue;
        foreach (var step in steps)
        {
            switch (step.Act)
            {
                case Act.Rotate:
                    gates[step.Number].Keys.Rotate();
                    break;
                // A gate that starts takes a key's name at its word, since there is nothing else to go by.
                case Act.Restart when folder.Time.GetUtcNow() - provided > Times.PublishAhead + Times.KeepAfter:
                    gates[step.Number].Keys.Dispose();
                    gates[step.Number] = Open(folder);
                    break;
                case Act.Provide:
                    using (var key = ECDsa.Create(ECCurve.NamedCurves.nistP256))
                    {
                        provided = folder.Time.GetUtcNow();
                        folder.Write($"{provided.AddHours(-step.Number).ToUnixTimeSeconds()}-provided-{ticks}.pem", key);
                    }

                    break;
            }

            for (var i = step.Act == Act.Pass ? step.Number : 1; i > 0; i--)
            {
                if (ticks++ % 3 == 0)
                {
                    server.Fetch(gates[ticks / 3 % 2].Keys.PublicSet);
                }

                for (var gate = 0; gate < gates.Length; gate++)
                {
                    var refusal = server.Judge(gates[gate].Minter.For(Alice, "a:write").Header, folder.Time.GetUtcNow()).Refusal;
                    Assert.True(refusal is null, $"{refusal}: gate {gate}, tick {ticks}, {string.Join(' ', steps.Select(s => $"{s.Act}:{s.Number}"))}");
                }

                folder.Time.Advance(Tick);
            }
        }
    }

    private static Gate Open(KeyFolder folder)
    {
        var keys = folder.Open(Times);
        return new Gate(keys, new UpstreamTokenMinter(keys, "temporal", TimeSpan.FromMinutes(10), folder.Time));
    }

    private sealed record Step(Act Act, int Number);

    private sealed record Gate(SigningKeys Keys, UpstreamTokenMinter Minter);
}
