using System.CommandLine;
using System.Text.Json;
using Postern.Admin;
using Postern.Configuration;
using Postern.Identity.ApiKeys;
using static Postern.Commands.Management.ManagementClient;

namespace Postern.Commands.Management;

/// <summary><c>postern key</c>: API keys of accounts and users.</summary>
internal static class KeyCommand
{
    private static readonly Argument<string> Account = new("account") { Description = "The account or user that the key speaks for." };
    private static readonly Argument<string> Id = new("id") { Description = "The key's id: what stands between pst_ and the next _." };
    private static readonly Option<string?> Name = new("--name") { Description = "What people call it: ci, laptop." };
    private static readonly Option<string?> Expires = new("--expires-in") { Description = "How long it lives: 30d. Default: identity.accounts.keyLifetime.", HelpName = "duration" };
    private static readonly Option<string[]> Source = new("--source") { Description = "A network that it may come from: 10.0.0.0/8. May be given several times. Default: anywhere.", HelpName = "network" };
    private static readonly Option<string[]> Namespace = new("--namespace") { Description = "A pattern of namespaces, or prefect/<server>, that it is narrowed to. May be given several times.", HelpName = "pattern" };
    private static readonly Option<string[]> Role = new("--role") { Description = "A role that it is narrowed to: only bindings with these count. May be given several times.", HelpName = "role" };
    private static readonly Option<string> RetireAfter = new("--retire-after") { Description = "How long the old key stays good: 24h; 0 ends it at once.", HelpName = "duration", DefaultValueFactory = _ => "24h" };

    public static VerbCommand Create(TimeProvider time) => new(
        "key", "Makes, shows, rotates and revokes API keys.", "postern key create payroll-worker --name ci > key", "postern key list payroll-worker", "postern key rotate 3kZp0aX1bQ9cV7dW > key")
    {
        ManagementVerb.Create("create", "Makes a key and prints its text, which is shown this once. The text alone goes to stdout.",
            (parsed, client, output, cancellation) => CreateAsync(parsed, client, output, time, cancellation),
            ["postern key create payroll-worker --name ci --expires-in 30d > key", "postern key create payroll-worker --namespace payroll --role worker --source 10.0.0.0/8 --output json"],
            Account, Name, Expires, Source, Namespace, Role),
        ManagementVerb.Create("list", "Lists the keys of an account, oldest first, with their last use.", ListAsync, ["postern key list payroll-worker"], Account),
        ManagementVerb.Create("rotate", "Makes a key in this one's place and prints its text; the old one stays good for a while, and it is said when it was last used.",
            (parsed, client, output, cancellation) => RotateAsync(parsed, client, output, time, cancellation),
            ["postern key rotate 3kZp0aX1bQ9cV7dW > key", "postern key rotate 3kZp0aX1bQ9cV7dW --retire-after 1h --expires-in 30d"], Id, RetireAfter, Expires),
        ManagementVerb.Create("revoke", "Ends a key at once, with the polls and streams that are open with it.", RevokeAsync, ["postern key revoke 3kZp0aX1bQ9cV7dW"], Id),
    };

    private static async Task<int> CreateAsync(ParseResult parsed, ManagementClient client, CommandOutput output, TimeProvider time, CancellationToken cancellation)
    {
        if (!Durations.TryRead(parsed.GetValue(Expires), "--expires-in", time, out var expires, out var wrong))
        {
            output.Words(wrong);
            return ExitCodes.Usage;
        }

        var made = await client.SendAsync(HttpMethod.Post, $"/v1/accounts/{Segment(parsed.GetRequiredValue(Account))}/keys", new NewKey
        {
            Name = parsed.GetValue(Name) ?? "",
            ExpiresAt = expires,
            Sources = parsed.GetValue(Source) ?? [],
            Namespaces = parsed.GetValue(Namespace) ?? [],
            Roles = parsed.GetValue(Role) ?? [],
        }, ManagementJson.Default.NewKey, null, cancellation);
        if (made.IsDone)
        {
            Print(output, made.Body);
        }

        return made.Exit;
    }

    private static async Task<int> ListAsync(ParseResult parsed, ManagementClient client, CommandOutput output, CancellationToken cancellation)
    {
        var (exit, items) = await client.AllAsync($"/v1/accounts/{Segment(parsed.GetRequiredValue(Account))}/keys", cancellation);
        if (exit == ExitCodes.Ok)
        {
            Shown.Table(output, items, ("ID", Shown.Of("id")), ("NAME", Shown.Of("name")), ("STATE", Shown.Of("state")), ("EXPIRES", Shown.Moment("expiresAt")), ("LAST USED", Shown.Moment("lastUsedAt")), ("FROM", Shown.Of("lastUsedFrom")));
        }

        return exit;
    }

    private static async Task<int> RotateAsync(ParseResult parsed, ManagementClient client, CommandOutput output, TimeProvider time, CancellationToken cancellation)
    {
        if (!Durations.TryRead(parsed.GetValue(Expires), "--expires-in", time, out var expires, out var wrong)
            || !ScalarText.TryReadDuration(parsed.GetRequiredValue(RetireAfter), out var retireAfter) || retireAfter.TotalSeconds > int.MaxValue)
        {
            output.Words(wrong.Length > 0 ? wrong : "--retire-after takes a duration with its unit, such as 24h, or 0");
            return ExitCodes.Usage;
        }

        var rotated = await client.SendAsync(HttpMethod.Post, $"/v1/keys/{Segment(IdOf(parsed))}/rotate",
            new Rotation { RetireAfterSeconds = (int)retireAfter.TotalSeconds, ExpiresAt = expires }, ManagementJson.Default.Rotation, null, cancellation);
        if (rotated.IsDone)
        {
            Print(output, rotated.Body);
            if (!output.IsJson)
            {
                var old = rotated.Body.GetProperty("replaced");
                output.Words($"Key {Shown.Member(old, "id")} is {Shown.Member(old, "state")} until {Shown.Moment("expiresAt")(old)} UTC; last used: {Shown.Moment("lastUsedAt")(old)}{From(old)}.");
            }
        }

        return rotated.Exit;
    }

    private static async Task<int> RevokeAsync(ParseResult parsed, ManagementClient client, CommandOutput output, CancellationToken cancellation)
    {
        var revoked = await client.SendAsync(HttpMethod.Post, $"/v1/keys/{Segment(IdOf(parsed))}/revoke", null, null, cancellation);
        if (revoked.IsDone)
        {
            Shown.One(output, revoked.Body);
        }

        return revoked.Exit;
    }

    // Whoever has the whole text at hand gives that; it goes no further.
    private static string IdOf(ParseResult parsed) => ApiKeyText.IdOf(parsed.GetRequiredValue(Id)) ?? parsed.GetRequiredValue(Id);

    private static string From(JsonElement key) => Shown.Member(key, "lastUsedFrom") is { Length: > 0 } from ? $" from {from}" : "";

    // The text alone on stdout: what a script puts into a file or a secret store.
    private static void Print(CommandOutput output, JsonElement made)
    {
        if (output.IsJson)
        {
            output.Json(made.WriteTo);
            return;
        }

        var key = made.GetProperty("key");
        output.Result(made.GetProperty("text").GetString()!);
        output.Words($"Key {Shown.Member(key, "id")} of {Shown.Member(key, "account")}, good until {Shown.Moment("expiresAt")(key)} UTC. Its text is shown this once.");
    }
}
