using System.Text;
using System.Text.RegularExpressions;
using Postern.Engines.Prefect;
using Postern.FunctionalTests.Prefect;
using Postern.Model;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// A Prefect server decodes a path before it routes. Whatever is written in a request line, what it would route to is what was judged, or nothing reaches it.
/// </summary>
public sealed class PrefectPathsAreJudgedAsTheyAreSent
{
    private static readonly string[] s_noise = ["%2e%2e", "..", "%2f", "%5c", "//", ";x", "%00", "%25", "%2561", "%c0%af", "%ff", "%f0%9f%a6%8a", "%", "#", "?", "api", "%61pi", "metrics", "%", "\\", "{"];

    private static readonly (Regex Template, PrefectRoute Route)[] s_served =
        [.. PrefectCatalogue.Shared.Routes.Where(r => r.Method == "GET" && !r.Template.StartsWith("/{", StringComparison.Ordinal)).Select(r => (AsServed(r.Template), r))];

    [Fact]
    public async Task HostileTargets_ReachTheServerAsTheyWereJudged_OrNotAtAll()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "{}"));
        var token = gate.Gate.Issuer.Token("bob");
        var random = new Random(61);
        var arrived = 0;
        for (var i = 0; i < 600; i++)
        {
            var target = Hostile(random);
            gate.Server.Forget();
            using var connection = await PrefectConnection.OpenAsync(gate.Address);
            await connection.SendAsync(new WireMessage($"GET {target} HTTP/1.1", [("Host", gate.Address), ("Authorization", $"Bearer {token}")], []));
            var answer = await connection.AnswerAsync("GET");
            if (gate.Server.Requests.Count == 0)
            {
                Assert.True(answer.Status is 400 or 403 or 404 or 422, $"{target}: {answer.Start}");
                continue;
            }

            arrived++;
            var sent = gate.Server.Requests[^1].Message.Target;
            Assert.True(PrefectPath.TryRead(sent, out var path, out var fault), $"{target} → {sent}: {fault}");
            Assert.Equal(path.Target, sent);
            // The server takes both for the same, and it is nothing that a viewer may not see.
            var route = Served(sent);
            Assert.True(ReferenceEquals(Served(target), route), $"{target} → {sent}");
            Assert.True(route?.Base != Permission.ServerAdmin, $"{target} → {sent}");
            Assert.True(route is not null || !path.Segments.Contains("api", StringComparer.OrdinalIgnoreCase), $"{target} → {sent}");
        }

        Assert.InRange(arrived, 50, 550);
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/%6detrics")]
    [InlineData("/api/%6Detrics")]
    [InlineData("/%61pi/metrics")]
    public async Task Administration_UnderAnotherSpelling_IsAdministration(string target)
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "{}"));

        var viewer = await gate.SendAsync("GET", target, "bob");
        Assert.Empty(gate.Server.Requests);
        var root = await gate.SendAsync("GET", target, "root");

        Assert.Equal((403, 200), (viewer.Status, root.Status));
        Assert.Equal(target.Contains("api", StringComparison.Ordinal) || target.Contains("%61pi", StringComparison.Ordinal) ? "/api/metrics" : "/metrics", Assert.Single(gate.Server.Requests).Message.Target);
    }

    private static string Hostile(Random random)
    {
        var target = Regex.Replace(s_served[random.Next(s_served.Length)].Route.Template, "{[^}]*}", m => m.Value is "{id}" ? "0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22" : "etl");
        for (var n = random.Next(3); n > 0; n--)
        {
            target = random.Next(3) == 0
                ? target.Insert(random.Next(target.Length + 1), s_noise[random.Next(s_noise.Length)])
                : string.Concat(target.Select(c => c != '/' && c != '%' && random.Next(6) == 0 ? $"%{(int)c:x2}" : c.ToString()));
        }

        return target;
    }

    // As uvicorn and Starlette do it: the whole path is decoded once, then the templates are tried in order.
    private static PrefectRoute? Served(string target)
    {
        var raw = target.Split('?', 2)[0];
        var bytes = new List<byte>();
        for (var i = 0; i < raw.Length; i++)
        {
            var isTriplet = raw[i] == '%' && i + 2 < raw.Length && char.IsAsciiHexDigit(raw[i + 1]) && char.IsAsciiHexDigit(raw[i + 2]);
            bytes.Add(isTriplet ? Convert.ToByte(raw.Substring(i + 1, 2), 16) : (byte)raw[i]);
            i += isTriplet ? 2 : 0;
        }

        var path = Encoding.UTF8.GetString([.. bytes]);
        return Array.Find(s_served, s => s.Template.IsMatch(path)).Route;
    }

    private static Regex AsServed(string template) => new(
        "^" + Regex.Replace(Regex.Escape(template), @"\\{([^}]*)}", m => m.Groups[1].Value == "id" ? "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}" : "[^/]+") + "$",
        RegexOptions.CultureInvariant);
}
