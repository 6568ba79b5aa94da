using System.CommandLine;
using System.Text.Json;
using Postern.Admin;
using static Postern.Commands.Management.ManagementClient;

namespace Postern.Commands.Management;

/// <summary><c>postern user</c>: local users.</summary>
internal static class UserCommand
{
    private static readonly Argument<string> Name = new("name") { Description = "The user's name, as policy writes it behind user:postern/." };
    private static readonly Option<string?> DisplayName = new("--display-name") { Description = "What people read." };
    private static readonly Option<string[]> Group = new("--group") { Description = "A group, as policy writes it behind group:postern/. May be given several times.", HelpName = "name" };
    private static readonly Option<string?> PasswordFile = new("--password-file") { Description = "A file with the password, or - for stdin. Default: typed twice, or the first line of stdin where that is no terminal.", HelpName = "file" };

    public static VerbCommand Create() => new(
        "user", "Makes, shows and ends local users, for teams without an identity provider.", "postern user add alice --group payments", "postern user list", "postern user password alice")
    {
        ManagementVerb.Create("add", "Makes a user, who logs in with postern login. The password is typed, or read from stdin.", AddAsync, ["postern user add alice --display-name 'Alice Example' --group payments", "pass show postern/alice | postern user add alice"],
            Name, DisplayName, Group, PasswordFile),
        ManagementVerb.Create("list", "Lists all users.", ListAsync, ["postern user list"]),
        ManagementVerb.Create("disable", "Ends everything that is open with the user's credentials, and takes none.", (parsed, client, output, cancellation) => SwitchAsync(parsed, client, output, true, cancellation), ["postern user disable alice"], Name),
        ManagementVerb.Create("enable", "Takes the user's credentials again.", (parsed, client, output, cancellation) => SwitchAsync(parsed, client, output, false, cancellation), ["postern user enable alice"], Name),
        ManagementVerb.Create("remove", "Deletes a user with all keys, and ends what is open with them.", RemoveAsync, ["postern user remove alice"], Name),
        ManagementVerb.Create("password", "Gives a user another password, and ends all sessions that began with the old one.", PasswordAsync, ["postern user password alice", "pass show postern/alice | postern user password alice"], Name, PasswordFile),
    };

    private static async Task<int> AddAsync(ParseResult parsed, ManagementClient client, CommandOutput output, CancellationToken cancellation)
    {
        var (password, wrong) = await SecretInput.PasswordAsync(parsed.GetValue(PasswordFile), parsed.InvocationConfiguration.Error, cancellation);
        if (password is null)
        {
            output.Words(wrong);
            return ExitCodes.Usage;
        }

        return Print(output, await client.SendAsync(HttpMethod.Post, "/v1/users", new NewUser
        {
            Name = parsed.GetRequiredValue(Name), DisplayName = parsed.GetValue(DisplayName) ?? "", Groups = parsed.GetValue(Group) ?? [], Password = password,
        }, ManagementJson.Default.NewUser, null, cancellation));
    }

    private static async Task<int> ListAsync(ParseResult parsed, ManagementClient client, CommandOutput output, CancellationToken cancellation)
    {
        var (exit, items) = await client.AllAsync("/v1/users", cancellation);
        if (exit == ExitCodes.Ok)
        {
            Shown.Table(output, items, ("NAME", Shown.Of("name")), ("DISPLAY NAME", Shown.Of("displayName")), ("GROUPS", Shown.Of("groups")), ("DISABLED", Shown.Of("disabled")));
        }

        return exit;
    }

    private static async Task<int> SwitchAsync(ParseResult parsed, ManagementClient client, CommandOutput output, bool disabled, CancellationToken cancellation) =>
        Print(output, await client.ChangeAsync(Path(parsed), user =>
        {
            var view = user.Deserialize(ManagementJson.Default.UserView)!;
            return new UserChange { DisplayName = view.DisplayName, Groups = view.Groups, Disabled = disabled };
        }, ManagementJson.Default.UserChange, cancellation));

    private static async Task<int> RemoveAsync(ParseResult parsed, ManagementClient client, CommandOutput output, CancellationToken cancellation)
    {
        var gone = await client.SendAsync(HttpMethod.Delete, Path(parsed), null, "*", cancellation);
        output.WordsIfAny(gone.IsDone ? $"Removed {parsed.GetRequiredValue(Name)}." : "");
        return gone.Exit;
    }

    private static async Task<int> PasswordAsync(ParseResult parsed, ManagementClient client, CommandOutput output, CancellationToken cancellation)
    {
        var (password, wrong) = await SecretInput.PasswordAsync(parsed.GetValue(PasswordFile), parsed.InvocationConfiguration.Error, cancellation);
        if (password is null)
        {
            output.Words(wrong);
            return ExitCodes.Usage;
        }

        return Print(output, await client.ChangeAsync(Path(parsed), _ => new NewPassword { Password = password }, ManagementJson.Default.NewPassword, cancellation, Path(parsed) + "/password"));
    }

    private static string Path(ParseResult parsed) => $"/v1/users/{Segment(parsed.GetRequiredValue(Name))}";

    private static int Print(CommandOutput output, ManagementResult result)
    {
        if (result.IsDone)
        {
            Shown.One(output, result.Body);
        }

        return result.Exit;
    }
}
