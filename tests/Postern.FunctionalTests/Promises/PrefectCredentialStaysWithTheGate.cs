using System.Text;
using Postern.FunctionalTests.Infrastructure;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Promises;

/// <summary>What the gate presents to a Prefect server no client and no record gets to see, and a caller's own credential the server doesn't: in calls, look-ups and sockets.</summary>
public sealed class PrefectCredentialStaysWithTheGate
{
    private const string Run = "0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22";
    private static readonly string[] s_users = ["root", "worker", "bob", "etl-viewer", "pool-worker", "nobody"];

    [Theory]
    [InlineData("{ authString: \"admin:canary-upstream\" }", "Basic")]
    [InlineData("{ bearer: canary-upstream }", "Bearer")]
    [InlineData("{ authString: \"${file:auth}\" }", "Basic")]
    public async Task NeitherIsSeen_OnTheOtherSide(string credential, string scheme)
    {
        var sockets = new SocketStub();
        var trouble = 0;
        var gate = await PrefectGate.StartAsync(
            sockets.Beside(_ => trouble switch { 1 => PrefectAnswer.Drop, 2 => PrefectAnswer.Json(401, """{"exception_message":"Unauthorized"}"""), _ => PrefectAnswer.Json(200, "[]") }),
            setup => setup with { Files = [("auth", "admin:canary-upstream\n")] },
            credential);
        await using var running = gate;
        var tokens = s_users.ToDictionary(user => user, user => gate.Gate.Issuer.Token(user));
        var seen = new StringBuilder();
        foreach (var times in new[] { 0, 1, 2 })
        {
            trouble = times;
            foreach (var user in s_users)
            {
                foreach (var (method, target, body) in new[]
                {
                    ("GET", "/api/admin/version", null), ("GET", "/api/admin/settings", null), ("GET", "/api/csrf-token?client=abc", null), ("GET", $"/api/flow_runs/{Run}", null), ("GET", "/ui-settings", null),
                    ("POST", "/api/flow_runs/filter", "{}"), ("POST", "/api/variables/", """{"name":"a","value":1}"""), ("POST", "/api/automations/", "{}"), ("GET", "/metrics", null), ("GET", "/api/none", null),
                    ("POST", "/api/flows/filter", "{"), ("GET", "/api/hello?token=" + tokens[user], null), ("GET", $"/api/variables/name/{tokens[user][..20]}", null),
                })
                {
                    foreach (var basic in new[] { false, true })
                    {
                        var reply = await gate.SendAsync(method, target, null, body, request =>
                        {
                            request.Headers.TryAddWithoutValidation("Authorization", basic ? "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("u:" + tokens[user])) : "Bearer " + tokens[user]);
                            request.Headers.TryAddWithoutValidation("Cookie", "s=" + tokens[user]);
                            request.Headers.TryAddWithoutValidation("Prefect-Csrf-Token", "csrf-of-the-server");
                            request.Headers.TryAddWithoutValidation("Prefect-Csrf-Client", "abc");
                        });
                        seen.Append(reply.Status).Append(reply.Text).AppendLine(string.Join('\n', reply.Headers));
                    }
                }
            }
        }

        trouble = 0;
        foreach (var target in new[] { "/api/events/in", "/api/events/out", "/api/logs/out", "/api/task_runs/subscriptions/scheduled" })
        {
            var (client, server) = await sockets.OpenAsync(gate, target, "root");
            await server.CloseAsync(1000);
            seen.AppendLine(client.Answer.ToString()).AppendLine(await client.HearAsync());
            Assert.Equal($"{scheme} ", server.Request.Header("authorization")![..(scheme.Length + 1)]);
            client.Dispose();
            server.Dispose();
        }

        // The server doesn't take the gate's credential: the client is told nothing, least of all what it was.
        using (var refused = await SocketEnd.CallAsync(gate.Address, "/api/events/in"))
        {
            await refused.AuthAsync("u:" + tokens["root"]);
            using var server = await sockets.NextAsync();
            await server.HearAsync();
            await server.CloseAsync(1008, "Invalid token");
            await refused.SayAsync(SocketOpcode.Ping, "there");
            seen.AppendLine(await refused.HearAsync());
        }

        var requests = string.Join('\n', gate.Server.Requests.Select(request => request.Message + Encoding.UTF8.GetString(request.Message.Body)));
        seen.AppendLine(await gate.Gate.AdminAsync("/metrics"));
        await gate.Gate.StopAsync();
        var kept = gate.Gate.Audit.Text() + string.Join('\n', gate.Gate.Logs.Lines);
        foreach (var canary in new[] { "canary-upstream", Convert.ToBase64String("admin:canary-upstream"u8), Convert.ToBase64String("canary-upstream"u8) })
        {
            Assert.DoesNotContain(canary, seen.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain(canary, kept, StringComparison.Ordinal);
        }

        foreach (var part in tokens.Values.SelectMany(token => token.Split('.').Skip(1)))
        {
            Assert.DoesNotContain(part, requests, StringComparison.Ordinal);
            Assert.DoesNotContain(part, kept, StringComparison.Ordinal);
            Assert.DoesNotContain(part, seen.ToString(), StringComparison.Ordinal);
        }

        foreach (var basic in tokens.Values.Select(token => Convert.ToBase64String(Encoding.UTF8.GetBytes("u:" + token))))
        {
            Assert.DoesNotContain(basic[..60], requests + kept + seen, StringComparison.Ordinal);
        }

        // The server's own tokens against forgery are its clients' business, and pass.
        Assert.All(gate.Server.Requests.Where(request => request.Message.Target.StartsWith("/api/csrf-token", StringComparison.Ordinal)), request => Assert.Equal(("csrf-of-the-server", "abc"), (request.Message.Header("prefect-csrf-token"), request.Message.Header("prefect-csrf-client"))));
        Assert.Contains(gate.Server.Requests, request => request.Message.Target == "/api/csrf-token?client=abc");
    }

    [Fact]
    public async Task Configuration_ThatIsRefused_DoesntSayIt()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "{}"), credential: "{ authString: \"admin:canary-upstream\" }");
        gate.Gate.Logs.Expect(line => line.Category.StartsWith("Postern", StringComparison.Ordinal));
        var text = await File.ReadAllTextAsync(gate.Gate.ConfigFile, TestContext.Current.CancellationToken);
        var said = "";
        foreach (var broken in new[]
        {
            text.Replace("authString:", "authstring:", StringComparison.Ordinal), text.Replace("{ authString: \"admin:canary-upstream\" }", "{ authString: \"admin:canary-upstream\", bearer: canary-upstream }", StringComparison.Ordinal),
            text.Replace("{ authString: \"admin:canary-upstream\" }", "[ canary-upstream ]", StringComparison.Ordinal), text.Replace("\"admin:canary-upstream\"", "{ x: canary-upstream }", StringComparison.Ordinal),
        })
        {
            await File.WriteAllTextAsync(gate.Gate.ConfigFile, broken, TestContext.Current.CancellationToken);
            var (status, answer) = await gate.Gate.ReloadAsync();
            Assert.NotEqual(200, status);
            said += answer;
        }

        Assert.NotEmpty(said);
        Assert.DoesNotContain("canary", said + string.Join('\n', gate.Gate.Logs.Lines), StringComparison.Ordinal);
    }
}
