using System.CommandLine;
using Postern.Admin;
using static Postern.Commands.Management.ManagementClient;

namespace Postern.Commands.Management;

/// <summary><c>postern revoke</c>: what is to end before its time, by its id.</summary>
internal static class RevokeCommand
{
    private static readonly Option<string?> ForgetAfter = new("--forget-after") { Description = "When it would have ended by itself, and this may be forgotten: 1h. Default: kept until it is lifted.", HelpName = "duration" };
    private static readonly Option<bool> Lift = new("--lift") { Description = "Take the revocation back." };

    public static VerbCommand Create(TimeProvider time) => new(
        "revoke", "Ends tokens, sessions, certificates, or all that a caller was issued until now, on every gate within seconds.",
        "postern revoke token 7f3c9a", "postern revoke caller okta/alice@example.com")
    {
        Verb(RevokedKind.Token, "A token, by its jti.", "jti", "7f3c9a --forget-after 1h", time),
        Verb(RevokedKind.Session, "A session, with all its tokens.", "id", "fam_x1y2z3", time),
        Verb(RevokedKind.Certificate, "A client certificate, as the audit record names it.", "id", "9f86d081884c", time),
        Verb(RevokedKind.Caller, "All tokens that a caller was issued until now; later ones are taken. An account of the gate's own is disabled instead: postern account disable.", "name", "okta/alice@example.com", time),
    };

    private static VerbCommand Verb(RevokedKind kind, string description, string what, string example, TimeProvider time)
    {
        var word = kind.ToString().ToLowerInvariant();
        var value = new Argument<string>(what) { Description = description };
        return ManagementVerb.Create(word, description, (parsed, client, output, cancellation) => RunAsync(kind, word, parsed.GetRequiredValue(value), parsed, client, output, time, cancellation),
            [$"postern revoke {word} {example}", $"postern revoke {word} {example.Split(' ')[0]} --lift"], value, ForgetAfter, Lift);
    }

    private static async Task<int> RunAsync(
        RevokedKind kind, string word, string value, ParseResult parsed, ManagementClient client, CommandOutput output, TimeProvider time, CancellationToken cancellation)
    {
        if (parsed.GetValue(Lift))
        {
            var lifted = await client.SendAsync(HttpMethod.Delete, $"/v1/revocations/{word}/{Segment(value)}", null, null, cancellation);
            output.WordsIfAny(lifted.IsDone ? $"Taken back: {word} {value}." : "");
            return lifted.Exit;
        }

        if (!Durations.TryRead(parsed.GetValue(ForgetAfter), "--forget-after", time, out var until, out var wrong))
        {
            output.Words(wrong);
            return ExitCodes.Usage;
        }

        var revoked = await client.SendAsync(HttpMethod.Post, "/v1/revocations", new NewRevocation { Kind = kind, Value = value, Until = until }, ManagementJson.Default.NewRevocation, null, cancellation);
        if (revoked.IsDone)
        {
            Shown.One(output, revoked.Body);
        }

        return revoked.Exit;
    }
}
