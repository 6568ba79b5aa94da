using static Postern.Model.Permission;
using Json = Postern.Admin.ManagementJson;

namespace Postern.Admin;

/// <summary>Every call of the management API, one row each. The catalogue that policy knows, the OpenAPI document and its tests are made of this table.</summary>
internal static class ManagementRoutes
{
    public static IReadOnlyList<ManagementRoute> All { get; } =
    [
        new("GET", "/v1/openapi.json", "GetApiDocument", ClusterInfo, "This document", _ => Task.FromResult(ManagementAnswer.Document(OpenApiDocument.Text)))
            { IsForAnyCaller = true, NeedsAccounts = false },
        new("GET", "/v1/whoami", "WhoAmI", ClusterInfo, "Who the caller is, and what the policy says of him", WhoAmIEndpoints.GetAsync)
            { IsForAnyCaller = true, NeedsAccounts = false, Result = Json.Default.WhoAmI },
        new("POST", "/v1/bootstrap", "Bootstrap", None, "Makes the first administrator, once, for the one-time token of postern init as the bearer token", BootstrapEndpoints.PostAsync)
            { Body = Json.Default.Bootstrap, Result = Json.Default.Bootstrapped, Status = 201 },

        new("GET", "/v1/accounts", "ListAccounts", AccountManage, "Lists accounts by name", AccountsEndpoints.ListAsync) { IsPaged = true, Result = Json.Default.AccountPage },
        new("POST", "/v1/accounts", "CreateAccount", AccountManage, "Makes a service account or an agent", AccountsEndpoints.CreateAsync)
            { Body = Json.Default.NewAccount, Result = Json.Default.AccountView, Status = 201 },
        new("GET", "/v1/accounts/{name}", "GetAccount", AccountManage, "Shows an account", AccountsEndpoints.GetAsync) { Result = Json.Default.AccountView, Own = call => call.Named() },
        new("PUT", "/v1/accounts/{name}", "UpdateAccount", AccountManage, "Changes an account: what is left out takes its default", AccountsEndpoints.UpdateAsync)
            { Body = Json.Default.AccountChange, Result = Json.Default.AccountView, NeedsMatch = true },
        new("DELETE", "/v1/accounts/{name}", "DeleteAccount", AccountManage, "Deletes an account with its keys; what is open with them ends", AccountsEndpoints.DeleteAsync)
            { NeedsMatch = true, Status = 204 },

        new("GET", "/v1/accounts/{name}/keys", "ListKeys", KeyManage, "Lists the keys of an account or a user, oldest first, with their last use", KeysEndpoints.ListAsync)
            { IsPaged = true, Result = Json.Default.KeyPage, Own = call => call.Named() },
        new("POST", "/v1/accounts/{name}/keys", "CreateKey", KeyManage, "Makes a key; its text is in the answer and never shown again", KeysEndpoints.CreateAsync)
            { Body = Json.Default.NewKey, Result = Json.Default.CreatedKey, Status = 201, Own = call => call.Named() },
        new("GET", "/v1/keys/{id}", "GetKey", KeyManage, "Shows a key, without its text", KeysEndpoints.GetAsync) { Result = Json.Default.KeyView, Own = call => call.OwnerOfKey() },
        new("POST", "/v1/keys/{id}/rotate", "RotateKey", KeyManage, "Makes a key in this one's place, which stays good for a while", KeysEndpoints.RotateAsync)
            { Body = Json.Default.Rotation, Result = Json.Default.RotatedKey, Status = 201, Own = call => call.OwnerOfKey() },
        new("POST", "/v1/keys/{id}/revoke", "RevokeKey", KeyManage, "Ends a key at once, with what is open with it", KeysEndpoints.RevokeAsync)
            { Result = Json.Default.KeyView, Own = call => call.OwnerOfKey() },

        new("GET", "/v1/users", "ListUsers", AccountManage, "Lists local users by name", UsersEndpoints.ListAsync) { IsPaged = true, Result = Json.Default.UserPage },
        new("POST", "/v1/users", "CreateUser", AccountManage, "Makes a local user", UsersEndpoints.CreateAsync) { Body = Json.Default.NewUser, Result = Json.Default.UserView, Status = 201 },
        new("GET", "/v1/users/{name}", "GetUser", AccountManage, "Shows a local user", UsersEndpoints.GetAsync) { Result = Json.Default.UserView, Own = call => call.Named() },
        new("PUT", "/v1/users/{name}", "UpdateUser", AccountManage, "Changes a local user: what is left out takes its default", UsersEndpoints.UpdateAsync)
            { Body = Json.Default.UserChange, Result = Json.Default.UserView, NeedsMatch = true },
        new("PUT", "/v1/users/{name}/password", "SetPassword", AccountManage, "Gives a local user another password; what is open with the old one ends", UsersEndpoints.SetPasswordAsync)
            { Body = Json.Default.NewPassword, Result = Json.Default.UserView, NeedsMatch = true },
        new("DELETE", "/v1/users/{name}", "DeleteUser", AccountManage, "Deletes a local user with his keys; what is open with them ends", UsersEndpoints.DeleteAsync) { NeedsMatch = true, Status = 204 },

        new("GET", "/v1/revocations", "ListRevocations", KeyManage, "Lists what was revoked before its time", RevocationsEndpoints.ListAsync) { IsPaged = true, Result = Json.Default.RevocationPage },
        new("POST", "/v1/revocations", "Revoke", KeyManage, "Revokes a token, a session, a certificate, or all that a caller was issued until now", RevocationsEndpoints.CreateAsync)
            { Body = Json.Default.NewRevocation, Result = Json.Default.RevocationView, Status = 201 },
        new("DELETE", "/v1/revocations/{kind}/{value}", "LiftRevocation", KeyManage, "Takes a revocation back", RevocationsEndpoints.LiftAsync) { Status = 204 },
    ];
}
