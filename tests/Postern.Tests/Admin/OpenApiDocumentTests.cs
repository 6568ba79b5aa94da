using System.Text;
using System.Text.Json;
using Postern.Admin;
using Postern.Model;
using Postern.Policy;
using Postern.Tests.Configuration;

namespace Postern.Tests.Admin;

public sealed class OpenApiDocumentTests
{
    private static JsonElement Document => JsonDocument.Parse(OpenApiDocument.Text).RootElement;

    /// <summary>With POSTERN_WRITE_DOCS=1 it is written anew.</summary>
    [Fact]
    public void Document_IsTheOneInTheDocs()
    {
        var written = Encoding.UTF8.GetString(OpenApiDocument.Text) + "\n";
        if (Environment.GetEnvironmentVariable("POSTERN_WRITE_DOCS") == "1")
        {
            File.WriteAllText(Repository.Path("docs/openapi.json"), written);
        }

        Assert.Equal(written, Repository.Read("docs/openapi.json"));
    }

    [Fact]
    public void Document_EveryReference_LeadsSomewhere()
    {
        var references = References(Document).ToList();

        Assert.NotEmpty(references);
        Assert.All(references, reference => Assert.True(
            reference[2..].Split('/').Aggregate((JsonElement?)Document, (at, name) => at is { ValueKind: JsonValueKind.Object } element && element.TryGetProperty(name, out var next) ? next : null) is not null, reference));
    }

    [Fact]
    public void Schemas_OfWhatIsWritten_RefuseUnknownMembers_AndHoldNoSecretThatIsShown()
    {
        var schemas = Document.GetProperty("components").GetProperty("schemas");

        Assert.All(ManagementRoutes.All.Where(route => route.Body is not null), route => Assert.False(schemas.GetProperty(route.Body!.Type.Name).GetProperty("additionalProperties").GetBoolean(), route.Operation));
        Assert.All(schemas.EnumerateObject().Where(schema => schema.Name.EndsWith("View", StringComparison.Ordinal)), schema =>
            Assert.DoesNotContain(schema.Value.GetProperty("properties").EnumerateObject(), member => member.Name is "hash" or "password" or "text"));
    }

    [Fact]
    public void PathsOfTheDocument_AreThoseOfTheGuide()
    {
        var guide = Repository.Read("docs/management-api.md");

        Assert.All(ManagementRoutes.All, route => Assert.Contains($"`{route.Path}`", guide, StringComparison.Ordinal));
    }

    [Fact]
    public void Routes_WhatChanges_NeedsAPermissionOfTheClusterThatOnlyAdminsHave()
    {
        var changing = ManagementRoutes.All.Where(route => !route.IsRead && route.Operation != "Bootstrap").ToList();

        Assert.All(changing, route => Assert.Contains(route.Permission, new[] { Permission.AccountManage, Permission.KeyManage }));
        Assert.All(ManagementRoutes.All.Where(route => route.IsForAnyCaller), route => Assert.Contains(route.Operation, new[] { "WhoAmI", "GetApiDocument" }));
        Assert.Equal(["admin"], Holding(Permission.AccountManage));
        Assert.Equal(["admin"], Holding(Permission.KeyManage));
    }

    private static IEnumerable<string> References(JsonElement at) => at.ValueKind switch
    {
        JsonValueKind.Object => at.EnumerateObject().SelectMany(member => member.Name == "$ref" ? [member.Value.GetString()!] : References(member.Value)),
        JsonValueKind.Array => at.EnumerateArray().SelectMany(References),
        _ => [],
    };

    private static IEnumerable<string> Holding(Permission permission) => BuiltInRoles.All.Where(role => (role.Permissions & permission.Bit()) != 0).Select(role => role.Name);
}
