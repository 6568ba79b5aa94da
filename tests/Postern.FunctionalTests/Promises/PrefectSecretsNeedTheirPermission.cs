using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Promises;

/// <summary>Nothing that shows a block's secrets is answered without <c>secret.read</c>, however it is asked for.</summary>
public sealed class PrefectSecretsNeedTheirPermission : IAsyncLifetime
{
    private const string Id = "0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22", Other = "55555555-5555-5555-5555-555555555555";
    private PrefectGate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await PrefectGate.StartAsync(
        _ => PrefectAnswer.Json(200, "[]"),
        setup => setup with
        {
            PolicyText = PrefectGate.Policy + """

                  - { who: ["user:blocks"], role: blocks, where: { prefect: main } }
                roles:
                  blocks: { with: [block.read, block.write, server.info] }
                """,
        });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    public static TheoryData<string> Asked =>
    [
        "include_secrets=true", "include_secrets=True", "include_secrets=TRUE", "include_secrets=1", "include_secrets=on", "include_secrets=yes", "include_secrets=t", "include_secrets=y",
        "include_secrets", "include_secrets=", "include%5Fsecrets=true", "%69nclude_secrets=%74rue", "include_secrets=tru%65", "include_secrets=+true", "include_secrets=true+",
        "include_secrets=false&include_secrets=true", "include_secrets=true&include_secrets=false", "a=b&&include_secrets=true&", "include_secrets=2", "include_secrets=%30%31",
        "include_secrets=no&include_secrets=1", "include_secrets=false%20", "include_secrets=f\u0430lse",
    ];

    [Theory]
    [MemberData(nameof(Asked))]
    public async Task Query_ThatAsksForSecrets_NeedsThem(string query)
    {
        query = Uri.EscapeDataString(query).Replace("%25", "%", StringComparison.Ordinal).Replace("%3D", "=", StringComparison.Ordinal).Replace("%26", "&", StringComparison.Ordinal).Replace("%2B", "+", StringComparison.Ordinal);
        foreach (var target in new[] { $"/api/block_documents/{Id}", "/api/block_types/slug/secret/block_documents", "/api/block_types/slug/secret/block_documents/name/db", "/api/%62lock_documents/" + Id })
        {
            var reply = await _gate.SendAsync("GET", $"{target}?{query}", "bob");
            Assert.True(reply.Status == 403 && reply.Text.Contains("secret.read", StringComparison.Ordinal), $"{target}?{query}: {reply}");
        }

        Assert.Equal(403, (await _gate.SendAsync("POST", $"/api/block_documents/filter?{query}", "bob", "{}")).Status);
        Assert.Empty(_gate.Server.Requests);
        Assert.Equal(200, (await _gate.SendAsync("GET", $"/api/block_documents/{Id}?{query}", "alice")).Status);
    }

    [Theory]
    [InlineData("include_secrets=true;x")]
    [InlineData("x;include_secrets=true")]
    [InlineData("include_secrets%00=true")]
    [InlineData("include_secrets=%ff")]
    [InlineData("include_secrets=%")]
    public async Task Query_OfTwoMeanings_IsNone(string query)
    {
        Assert.Equal(422, (await _gate.SendAsync("GET", $"/api/block_documents/{Id}?{query}", "alice")).Status);
        Assert.Empty(_gate.Server.Requests);
    }

    [Theory]
    [InlineData("")]
    [InlineData("?include_secrets=false")]
    [InlineData("?include_secrets=False&include_secrets=0")]
    [InlineData("?Include_Secrets=true")]
    public async Task Query_ThatAsksForNone_NeedsNone(string query)
    {
        Assert.Equal(200, (await _gate.SendAsync("GET", $"/api/block_documents/{Id}{query}", "bob")).Status);
        Assert.Equal($"/api/block_documents/{Id}{query}", Assert.Single(_gate.Server.Requests).Message.Target);
    }

    [Theory]
    [InlineData("{\"include_secrets\":true}")]
    [InlineData("{\"include_secrets\":\"true\"}")]
    [InlineData("{\"include_secrets\":\"on\"}")]
    [InlineData("{\"include_secrets\":1}")]
    [InlineData("{\"include_secrets\":1.0}")]
    [InlineData("{\"include_secrets\":1e0}")]
    [InlineData("{\"include_secrets\":0.0}")]
    [InlineData("{\"include_secrets\":[true]}")]
    [InlineData("{\"include_secrets\":{}}")]
    [InlineData("{\"include_\\u0073ecrets\":true}")]
    [InlineData("{\"block_documents\":{\"is_anonymous\":{\"eq_\":false}},\"include_secrets\":true}")]
    public async Task Body_ThatAsksForSecrets_NeedsThem(string body)
    {
        var reply = await _gate.SendAsync("POST", "/api/block_documents/filter", "bob", body);

        Assert.True(reply.Status == 403 && reply.Text.Contains("secret.read", StringComparison.Ordinal), reply.ToString());
        Assert.Empty(_gate.Server.Requests);
        Assert.Equal(200, (await _gate.SendAsync("POST", "/api/block_documents/filter", "alice", body)).Status);
    }

    [Theory]
    [InlineData("{\"include_secrets\":false,\"include_secrets\":true}")]
    [InlineData("{\"include_secrets\":true,\"include_secrets\":false}")]
    [InlineData("{\"include_secrets\":false,\"include_\\u0073ecrets\":true}")]
    public async Task Body_OfTwoMeanings_IsNone(string body)
    {
        Assert.Equal(422, (await _gate.SendAsync("POST", "/api/block_documents/filter", "alice", body)).Status);
        Assert.Empty(_gate.Server.Requests);
    }

    // A document that refers to another shows it: whoever writes the reference must be allowed to read what it refers to.
    [Theory]
    [InlineData("""{"db":{"$ref":{"block_document_id":"ID"} } }""")]
    [InlineData("""{"db":{"$ref":{"block_document_id":"{ID}"} } }""")]
    [InlineData("""{"db":{"$ref":{"block_document_id":"urn:uuid:ID"} } }""")]
    [InlineData("""{"db":{"$ref":"ID"} }""")]
    [InlineData("""{"db":{"\u0024ref":{"block_document_id":"ID"} } }""")]
    [InlineData("""{"a":[{"b":{"c":{"$ref":{"block_document_id":"ID"},"x":1} } }]}""")]
    [InlineData("""{"$ref":{"block_document_id":"ID"} }""")]
    [InlineData("""{"db":{"$ref":{} } }""")]
    public async Task Reference_ToAnotherDocument_NeedsItsSecrets(string data)
    {
        data = data.Replace("ID", Other, StringComparison.Ordinal);
        foreach (var (method, target, body) in new[]
        {
            ("POST", "/api/block_documents/", $$"""{"name":"mine","block_type_id":"{{Id}}","block_schema_id":"{{Id}}","data":{{data}} }"""),
            ("PATCH", $"/api/block_documents/{Id}", $$"""{"data":{{data}} }"""),
            ("PATCH", $"/api/block_documents/{Id}", $$"""{"merge_existing_data":true,"data":{{data}} }"""),
        })
        {
            var reply = await _gate.SendAsync(method, target, "blocks", body);
            Assert.True(reply.Status == 403 && reply.Text.Contains("secret.read", StringComparison.Ordinal), $"{method} {body}: {reply}");
            Assert.Empty(_gate.Server.Requests);
        }

        Assert.Equal(200, (await _gate.SendAsync("PATCH", $"/api/block_documents/{Id}", "blocks", """{"data":{"password":"new"} }""")).Status);
    }

    // What a person may read of a variable decides who may have the server compare it.
    [Theory]
    [InlineData("""{"schema":{},"values":{"a":{"__prefect_kind":"workspace_variable","variable_name":"db"} } }""")]
    [InlineData("""{"schema":{},"values":{"a":[{"b":{"__prefect_kind":"workspace_variable","variable_name":"db"} }]} }""")]
    [InlineData("""{"schema":{},"values":{"a":{"__prefect_k\u0069nd":"jinja","template":"{{ variables.db }}"} } }""")]
    public async Task Variable_ByItsComparison_NeedsItsPermission(string body)
    {
        Assert.Equal(403, (await _gate.SendAsync("POST", "/api/ui/schemas/validate", "blocks", body)).Status);
        Assert.Empty(_gate.Server.Requests);
        Assert.Equal(200, (await _gate.SendAsync("POST", "/api/ui/schemas/validate", "bob", body)).Status);
    }
}
