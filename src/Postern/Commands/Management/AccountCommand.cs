using System.CommandLine;
using System.Text.Json;
using Postern.Admin;
using static Postern.Commands.Management.ManagementClient;

namespace Postern.Commands.Management;

/// <summary><c>postern account</c>: service accounts and agents.</summary>
internal static class AccountCommand
{
    private static readonly Argument<string> Name = new("name") { Description = "The account's name, as policy writes it behind account: or agent:." };
    private static readonly Option<string> Kind = new Option<string>("--kind") { Description = "service (default) or agent.", DefaultValueFactory = _ => "service" }.AcceptOnlyFromAmong("service", "agent");
    private static readonly Option<string?> Description = new("--description") { Description = "What it is for." };
    private static readonly Option<string?> Owner = new("--owner") { Description = "Who answers for it: user:okta/alice@example.com or group:okta/payments.", HelpName = "who" };
    private static readonly Option<string[]> Label = new("--label") { Description = "A label. May be given several times; together they replace those that were there.", HelpName = "key=value" };
    private static readonly Option<string[]> Namespace = new("--namespace") { Description = "A pattern of namespaces, or prefect/<server>, that it may ever act in. May be given several times. Default: no such bound.", HelpName = "pattern" };
    private static readonly Option<string[]> Audience = new("--audience")
    {
        Description = "An audience that it may ask tokens for, with scopes: https://api.example.com=orders.read,orders.write. May be given several times.", HelpName = "audience=scopes",
    };

    private static readonly Option<string[]> PublicKey = new("--public-key")
    {
        Description = "A file with a public key (JWK) by which its signed assertions are known. May be given several times; together they replace those that were there.", HelpName = "file",
    };

    private static readonly Option<string?> Expires = new("--expires-in") { Description = "After which it ends with its keys: 30d. 'never' takes an end away. Default: never.", HelpName = "duration" };

    public static VerbCommand Create(TimeProvider time) => new(
        "account", "Makes, shows and ends the gate's own service accounts and agents.",
        "postern account create payroll-worker --namespace payroll", "postern account list", "postern account disable payroll-worker")
    {
        Verb("create", "Makes an account. What it may is written in the policy: who: [\"account:<name>\"].", (parsed, client, output, cancellation) => CreateAsync(parsed, client, output, time, cancellation),
            ["postern account create payroll-worker --owner group:okta/payroll --namespace payroll", "postern account create triage --kind agent --expires-in 30d"],
            Name, Kind, Description, Owner, Label, Namespace, Audience, PublicKey, Expires),
        Verb("list", "Lists all accounts.", (_, client, output, cancellation) => ListAsync(client, output, cancellation), ["postern account list", "postern account list --output json | jq -r '.[].name'"]),
        Verb("show", "Shows an account.", ShowAsync, ["postern account show payroll-worker"], Name),
        Verb("update", "Changes what is given and leaves the rest.", (parsed, client, output, cancellation) => UpdateAsync(parsed, client, output, time, cancellation),
            ["postern account update payroll-worker --description 'pays people' --namespace payroll --namespace 'payroll-*'"], Name, Description, Owner, Label, Namespace, Audience, PublicKey, Expires),
        Verb("disable", "Ends everything that is open with the account's credentials, and takes none until it is enabled.", (parsed, client, output, cancellation) => SwitchAsync(parsed, client, output, true, cancellation),
            ["postern account disable payroll-worker"], Name),
        Verb("enable", "Takes the account's credentials again.", (parsed, client, output, cancellation) => SwitchAsync(parsed, client, output, false, cancellation), ["postern account enable payroll-worker"], Name),
        Verb("delete", "Deletes an account with its keys, and ends what is open with them.", DeleteAsync, ["postern account delete payroll-worker"], Name),
    };

    private static async Task<int> CreateAsync(ParseResult parsed, ManagementClient client, CommandOutput output, TimeProvider time, CancellationToken cancellation)
    {
        if (!TryRead(parsed, output, time, out var expires, out var labels, out var audiences, out var keys))
        {
            return ExitCodes.Usage;
        }

        var made = await client.SendAsync(HttpMethod.Post, "/v1/accounts", new NewAccount
        {
            Name = parsed.GetRequiredValue(Name),
            Kind = parsed.GetValue(Kind) == "agent" ? AccountKind.Agent : AccountKind.Service,
            Description = parsed.GetValue(Description) ?? "",
            Owner = parsed.GetValue(Owner) ?? "",
            Labels = labels ?? [],
            Namespaces = parsed.GetValue(Namespace) ?? [],
            Audiences = audiences ?? [],
            PublicKeys = keys ?? [],
            ExpiresAt = expires,
        }, ManagementJson.Default.NewAccount, null, cancellation);
        return Print(made, output);
    }

    private static async Task<int> ListAsync(ManagementClient client, CommandOutput output, CancellationToken cancellation)
    {
        var (exit, items) = await client.AllAsync("/v1/accounts", cancellation);
        if (exit == ExitCodes.Ok)
        {
            Shown.Table(output, items, ("NAME", Shown.Of("name")), ("KIND", Shown.Of("kind")), ("NAMESPACES", Shown.Of("namespaces")), ("OWNER", Shown.Of("owner")), ("EXPIRES", Shown.Moment("expiresAt")), ("DISABLED", Shown.Of("disabled")));
        }

        return exit;
    }

    private static async Task<int> ShowAsync(ParseResult parsed, ManagementClient client, CommandOutput output, CancellationToken cancellation) =>
        Print(await client.GetAsync(Path(parsed), cancellation), output);

    private static async Task<int> UpdateAsync(ParseResult parsed, ManagementClient client, CommandOutput output, TimeProvider time, CancellationToken cancellation)
    {
        if (!TryRead(parsed, output, time, out var expires, out var labels, out var audiences, out var keys))
        {
            return ExitCodes.Usage;
        }

        return Print(await client.ChangeAsync(Path(parsed), account =>
        {
            var now = Same(account);
            return now with
            {
                Description = parsed.GetValue(Description) ?? now.Description,
                Owner = parsed.GetValue(Owner) ?? now.Owner,
                Labels = labels ?? now.Labels,
                Namespaces = parsed.GetValue(Namespace) is { Length: > 0 } namespaces ? namespaces : now.Namespaces,
                Audiences = audiences ?? now.Audiences,
                PublicKeys = keys ?? now.PublicKeys,
                ExpiresAt = parsed.GetValue(Expires) is null ? now.ExpiresAt : expires,
            };
        }, ManagementJson.Default.AccountChange, cancellation), output);
    }

    private static async Task<int> SwitchAsync(ParseResult parsed, ManagementClient client, CommandOutput output, bool disabled, CancellationToken cancellation) =>
        Print(await client.ChangeAsync(Path(parsed), account => Same(account) with { Disabled = disabled }, ManagementJson.Default.AccountChange, cancellation), output);

    private static async Task<int> DeleteAsync(ParseResult parsed, ManagementClient client, CommandOutput output, CancellationToken cancellation)
    {
        var gone = await client.SendAsync(HttpMethod.Delete, Path(parsed), null, "*", cancellation);
        output.WordsIfAny(gone.IsDone ? $"Deleted {parsed.GetRequiredValue(Name)}." : "");
        return gone.Exit;
    }

    // What is shown is what a change would leave as it is.
    private static AccountChange Same(JsonElement account)
    {
        var view = account.Deserialize(ManagementJson.Default.AccountView)!;
        return new AccountChange
        {
            Description = view.Description, Owner = view.Owner, Labels = view.Labels, Namespaces = view.Namespaces, Audiences = view.Audiences, PublicKeys = view.PublicKeys, ExpiresAt = view.ExpiresAt, Disabled = view.Disabled,
        };
    }

    private static bool TryRead(
        ParseResult parsed, CommandOutput output, TimeProvider time, out DateTimeOffset? expires, out Dictionary<string, string>? labels, out Dictionary<string, IReadOnlyList<string>>? audiences,
        out IReadOnlyList<PublicJwk>? keys)
    {
        (labels, audiences, keys) = (null, null, null);
        if (!Durations.TryRead(parsed.GetValue(Expires), "--expires-in", time, out expires, out var wrong))
        {
            output.Words(wrong);
            return false;
        }

        foreach (var (option, values) in new[] { ("--label", parsed.GetValue(Label)), ("--audience", parsed.GetValue(Audience)) })
        {
            if (values?.FirstOrDefault(v => v.LastIndexOf('=') <= 0) is { } bad)
            {
                output.Words($"{option} takes key=value, not '{bad}'");
                return false;
            }
        }

        try
        {
            keys = parsed.GetValue(PublicKey) is { Length: > 0 } files ? [.. files.Select(file => JsonSerializer.Deserialize(File.ReadAllText(file), ManagementJson.Default.PublicJwk)!)] : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            output.Words(e is JsonException ? "--public-key takes a file with one public key as a JWK; a private key is nobody's affair" : e.Message);
            return false;
        }

        labels = parsed.GetValue(Label) is { Length: > 0 } pairs ? pairs.DistinctBy(Key).ToDictionary(Key, Value) : null;
        audiences = parsed.GetValue(Audience) is { Length: > 0 } given
            ? given.DistinctBy(Key).ToDictionary(Key, v => (IReadOnlyList<string>)Value(v).Split(',', StringSplitOptions.RemoveEmptyEntries)) : null;
        return true;

        // An audience is a URL, which may hold '=' itself.
        static string Key(string pair) => pair[..pair.LastIndexOf('=')];
        static string Value(string pair) => pair[(pair.LastIndexOf('=') + 1)..];
    }

    private static string Path(ParseResult parsed) => $"/v1/accounts/{Segment(parsed.GetRequiredValue(Name))}";

    private static int Print(ManagementResult result, CommandOutput output)
    {
        if (result.IsDone)
        {
            Shown.One(output, result.Body);
        }

        return result.Exit;
    }

    private static VerbCommand Verb(
        string name, string description, Func<ParseResult, ManagementClient, CommandOutput, CancellationToken, Task<int>> run, IReadOnlyList<string> examples, params Symbol[] symbols) =>
        ManagementVerb.Create(name, description, run, examples, symbols);
}
