using Postern.Identity.Accounts;
using Postern.Model;
using Json = Postern.Admin.ManagementJson;

namespace Postern.Admin;

/// <summary>Local users, for teams without an identity provider.</summary>
internal static class UsersEndpoints
{
    public static Task<ManagementAnswer> ListAsync(ManagementCall call)
    {
        var page = Page.Read(call, out var refused);
        if (refused is not null)
        {
            return Task.FromResult(refused);
        }

        var (items, next) = page.Of(call.Accounts.Directory.All.Select(p => p.User).OfType<LocalUser>(), user => user.Name);
        return Task.FromResult(ManagementAnswer.Ok(new UserPage([.. items.Select(View)], next), Json.Default.UserPage));
    }

    public static Task<ManagementAnswer> GetAsync(ManagementCall call) =>
        Task.FromResult(call.Named()?.User is { } user ? ManagementAnswer.Ok(View(user), Json.Default.UserView, ETag(user)) : Missing());

    public static async Task<ManagementAnswer> CreateAsync(ManagementCall call)
    {
        var (body, refused) = await call.ReadAsync(Json.Default.NewUser);
        if (body is null)
        {
            return refused!;
        }

        refused = Password(new FieldChecks().Name("name", body.Name).Text("displayName", body.DisplayName, 256).Groups("groups", body.Groups), body.Password, body.Name).Refused;
        if (refused is not null)
        {
            return refused;
        }

        var user = new LocalUser
        {
            Id = AccountsEndpoints.NewId("usr_"),
            Name = body.Name,
            DisplayName = body.DisplayName,
            Groups = [.. body.Groups],
            Password = await Task.Run(() => Passwords.Hash(body.Password)),
            CreatedAt = call.Now,
            CreatedBy = call.Caller.Name,
        };
        return await call.WriteAsync(body.Name, (store, cancellation) => store.CreateAsync(user, cancellation))
            ?? ManagementAnswer.Created(View(user), Json.Default.UserView, $"/v1/users/{user.Name}", ETag(user));
    }

    public static async Task<ManagementAnswer> UpdateAsync(ManagementCall call)
    {
        if (call.Named()?.User is not { } user)
        {
            return Missing();
        }

        var (body, refused) = await call.ReadAsync(Json.Default.UserChange);
        if (body is null)
        {
            return refused!;
        }

        refused = new FieldChecks().Text("displayName", body.DisplayName, 256).Groups("groups", body.Groups).Refused ?? call.Match(ETag(user))
            ?? (body.Disabled ? AccountsEndpoints.OfOneself(call, user.Name) : null);
        // Who comes back after having been disabled logs in again.
        var sessions = body.Disabled && !user.Disabled ? user.SessionVersion + 1 : user.SessionVersion;
        return refused ?? await WriteAsync(call, user with { DisplayName = body.DisplayName, Groups = [.. body.Groups], Disabled = body.Disabled, SessionVersion = sessions });
    }

    public static async Task<ManagementAnswer> SetPasswordAsync(ManagementCall call)
    {
        if (call.Named()?.User is not { } user)
        {
            return Missing();
        }

        var (body, refused) = await call.ReadAsync(Json.Default.NewPassword);
        if (body is null)
        {
            return refused!;
        }

        refused = Password(new FieldChecks(), body.Password, user.Name).Refused ?? call.Match(ETag(user));
        return refused ?? await WriteAsync(call, user with { Password = await Task.Run(() => Passwords.Hash(body.Password)), SessionVersion = user.SessionVersion + 1 });
    }

    public static async Task<ManagementAnswer> DeleteAsync(ManagementCall call)
    {
        if (call.Named()?.User is not { } user)
        {
            return Missing();
        }

        return call.Match(ETag(user)) ?? AccountsEndpoints.OfOneself(call, user.Name)
            ?? await call.WriteAsync(user.Name, (store, cancellation) => store.DeleteUserAsync(user.Id, call.HasMatch ? user.Version : null, cancellation)) ?? ManagementAnswer.NoContent();
    }

    /// <summary>What is wrong with a password that is about to be kept; its text is never repeated.</summary>
    public static FieldChecks Password(FieldChecks checks, string password, string name) => Passwords.Problem(password, name) is { } problem ? checks.Add("password", problem) : checks;

    private static async Task<ManagementAnswer> WriteAsync(ManagementCall call, LocalUser next) =>
        await call.WriteAsync(next.Name, (store, cancellation) => store.UpdateAsync(next, cancellation))
            ?? ManagementAnswer.Ok(View(next), Json.Default.UserView, ETag(next with { Version = next.Version + 1 }));

    private static string ETag(LocalUser user) => $"\"{user.Id}.{user.Version}\"";

    private static ManagementAnswer Missing() => ManagementAnswer.NotFound("There is no user of this name.");

    private static UserView View(LocalUser user) => new(user.Id, user.Name, user.DisplayName, user.Groups, user.Disabled, user.CreatedAt, user.CreatedBy);
}
