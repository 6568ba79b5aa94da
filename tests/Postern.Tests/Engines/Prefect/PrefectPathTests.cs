using System.Text;
using System.Text.RegularExpressions;
using Postern.Engines.Prefect;

namespace Postern.Tests.Engines.Prefect;

public sealed class PrefectPathTests
{
    private static readonly string[] s_noise =
    [
        "..", ".", "%2e%2e", "%2E.", ".%2e", "%2f", "%2F", "%5c", "\\", "//", "/", ";", ";x=1", "%3b", "%00", "%0a", "%0d%0a", "%25", "%2561", "%252e%252e", "%c0%ae", "%c0%af", "%ff", "%ed%a0%80",
        "%f0%9f%a6%8a", "é", "%c3%a9", "%c2%85", "%e2%80%ae", "%7f", "%", "%4", "%zz", "%u0061", "#", "?", "?x=1", "?x=%", "&", "+", "%20", " ", "\t", "\r\n", "@", ":", "%3a%2f%2f", "api", "API", "%61pi",
        "filter", "%66ilter", "name", "count", "{", "}", "%7b", "|", "\"", "<", "*", "~", "%7e", "%2d", "-", "%EF%BC%8F", "%e2%88%95", "0197D6C45A0B7E1F8C339D0E4B6A1F22",
    ];

    private static readonly (string Method, Regex Template, string Route)[] s_served =
        [.. PrefectCatalogue.Shared.Routes.Where(r => r.Template.StartsWith("/api", StringComparison.Ordinal)).Select(r => (r.Method, AsServed(r.Template), r.ToString()))];

    [Theory]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("api/version")]
    [InlineData("http://prefect.example/api/version")]
    [InlineData("prefect.example:443")]
    [InlineData("//api/version")]
    [InlineData("//")]
    [InlineData("/api//version")]
    [InlineData("/api/version//")]
    [InlineData("/api/version#top")]
    [InlineData("/api/./version")]
    [InlineData("/api/../api/version")]
    [InlineData("/api/%2e%2e/api/version")]
    [InlineData("/api/%2E/version")]
    [InlineData("/api/flows/name/a%2fb")]
    [InlineData("/api%2fadmin/settings")]
    [InlineData("/api/flows/name/a%5Cb")]
    [InlineData("/api/flows/name/a\\b")]
    [InlineData("/api/flows/name/a;b")]
    [InlineData("/api/flows/name/a%3bb")]
    [InlineData("/api/flows/name/a%00")]
    [InlineData("/api/flows/name/a%0a")]
    [InlineData("/api/flows/name/a%7f")]
    [InlineData("/api/flows/name/a%c2%85")]
    [InlineData("/api/flows/name/a%2561")]
    [InlineData("/api/flows/name/a%")]
    [InlineData("/api/flows/name/a%4")]
    [InlineData("/api/flows/name/a%zz")]
    [InlineData("/api/flows/name/%c0%ae")]
    [InlineData("/api/flows/name/%ed%a0%80")]
    [InlineData("/api/flows/name/%ff")]
    [InlineData("/api/flows/name/é")]
    [InlineData("/api/flows/name/a b")]
    [InlineData("/api/version?a=%")]
    [InlineData("/api/version?a=%0a")]
    [InlineData("/api/version?a=%ff")]
    [InlineData("/api/version?a;b")]
    [InlineData("/api/version?a=<b>")]
    [InlineData("/api/version?access_token=x")]
    [InlineData("/api/version?ACCESS%5Ftoken=x")]
    [InlineData("/api/version?a=1&token=")]
    [InlineData("/api/version?a=pst_abc_def")]
    [InlineData("/api/version?a=%70st_abc_def")]
    [InlineData("/api/version?a=eyJhbGciOiJub25lIn0.e30.x")]
    public void TryRead_AnyDoubt_IsAFault(string target)
    {
        Assert.False(PrefectPath.TryRead(target, out _, out var fault));
        Assert.NotEqual("", fault);
    }

    [Theory]
    [InlineData("/", "/")]
    [InlineData("/api/flows/", "/api/flows/")]
    [InlineData("/%61pi/%76ersion", "/api/version")]
    [InlineData("/a%2db/%7Ec", "/a-b/~c")]
    [InlineData("/a%3D%40:%26", "/a=@:&")]
    [InlineData("/a{b}|", "/a%7Bb%7D%7C")]
    [InlineData("/100%25", "/100%25")]
    [InlineData("/%f0%9f%a6%8a", "/%F0%9F%A6%8A")]
    [InlineData("/a+b", "/a+b")]
    [InlineData("/...", "/...")]
    [InlineData("/a?b=%41+c&b=2&&d", "/a?b=%41+c&b=2&&d")]
    [InlineData("/a?", "/a")]
    [InlineData("/a?page-token=eyJmaWx0ZXIi", "/a?page-token=eyJmaWx0ZXIi")]
    public void TryRead_WhatCanBeRead_HasOneForm(string target, string canonical)
    {
        Assert.True(PrefectPath.TryRead(target, out var path, out var fault), fault);
        Assert.Equal(canonical, path.Target);
        Assert.True(PrefectPath.TryRead(path.Target, out var again, out _));
        Assert.Equal(path.Target, again.Target);
        Assert.Equal(path.Segments, again.Segments);
    }

    [Fact]
    public void Query_IsReadAsTheServerReadsIt()
    {
        Assert.True(PrefectPath.TryRead("/a?x=1&in%63lude=a+b%2B&x=2&bare&=v", out var path, out _));
        Assert.Equal(["1", "2"], path.Query.ValuesOf("x"));
        Assert.Equal(["a b+"], path.Query.ValuesOf("include"));
        Assert.True(path.Query.Has("bare"));
        Assert.False(path.Query.Has("X"));
    }

    // What is decided and what the server would route to are one thing, or there is no decision.
    [Fact]
    public void TryRead_HostileTargets_AreJudgedAsTheServerRoutesThemOrRefused()
    {
        var random = new Random(20_261_128);
        var (judged, refused, unknown) = (0, 0, 0);
        for (var i = 0; i < 5_000; i++)
        {
            var target = Hostile(random);
            var method = random.Next(4) == 0 ? "POST" : "GET";
            if (!PrefectPath.TryRead(target, out var path, out _))
            {
                refused++;
                continue;
            }

            var match = PrefectCatalogue.Shared.Find(method, path);
            var served = Served(method, path.Target);
            Assert.True(Served(method, target) == served, $"{target}: the server routes what is sent otherwise");
            if (match is null)
            {
                // The server may know a route here (an id in a name's place): it isn't reached.
                unknown++;
                continue;
            }

            judged++;
            Assert.Equal(match.Route.Template.StartsWith("/api", StringComparison.Ordinal) ? match.Route.ToString() : null, served);
            Assert.Equal(served, Served(method, match.Target));
            Assert.True(PrefectPath.TryRead(match.Target, out var again, out var fault), $"{target}: {fault}");
            var same = PrefectCatalogue.Shared.Find(method, again);
            Assert.Same(match.Route, same?.Route);
            Assert.Equal(match.Target, same!.Target);
            Assert.Equal(match.Values.ToArray(), same.Values.ToArray());
        }

        Assert.InRange(judged, 500, 5_000);
        Assert.InRange(refused, 1_000, 5_000);
        Assert.InRange(unknown, 100, 5_000);
    }

    private static string Hostile(Random random)
    {
        var routes = PrefectCatalogue.Shared.Routes;
        var target = Regex.Replace(routes[random.Next(routes.Count)].Template, "{[^}]*}", m => m.Value is "{id}" or "{schedule_id}" or "{lease_id}" ? "0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22" : "etl");
        for (var n = random.Next(4); n > 0; n--)
        {
            var at = random.Next(target.Length + 1);
            target = random.Next(6) switch
            {
                0 => target.Insert(at, s_noise[random.Next(s_noise.Length)]),
                1 => string.Concat("/", s_noise[random.Next(s_noise.Length)], target),
                2 => Regex.Replace(target, "/", m => random.Next(4) == 0 ? "/" + s_noise[random.Next(s_noise.Length)] : m.Value),
                // Any letter may be written by its number.
                _ => string.Concat(target.Select(c => c != '/' && c != '%' && random.Next(8) == 0 ? $"%{(int)c:x2}" : c.ToString())),
            };
        }

        return random.Next(40) switch
        {
            0 => "http://prefect.example" + target,
            1 => target[1..],
            2 => target + "/",
            3 => target + "?include_secrets=true",
            _ => target,
        };
    }

    // As uvicorn and Starlette do it: the whole path is decoded once, then the templates are tried in order, each parameter taking anything but a slash.
    private static string? Served(string method, string target)
    {
        var raw = target.Split('?', 2)[0];
        var bytes = new List<byte>();
        for (var i = 0; i < raw.Length; i++)
        {
            var isTriplet = raw[i] == '%' && i + 2 < raw.Length && char.IsAsciiHexDigit(raw[i + 1]) && char.IsAsciiHexDigit(raw[i + 2]);
            bytes.AddRange(isTriplet ? [Convert.ToByte(raw.Substring(i + 1, 2), 16)] : Encoding.UTF8.GetBytes(raw[i].ToString()));
            i += isTriplet ? 2 : 0;
        }

        var path = Encoding.UTF8.GetString([.. bytes]);
        return Array.Find(s_served, s => s.Method == method && s.Template.IsMatch(path)).Route;
    }

    private static Regex AsServed(string template) => new(
        "^" + Regex.Replace(Regex.Escape(template), @"\\{([^}]*)}", m => m.Groups[1].Value is "id" or "schedule_id" or "lease_id"
            ? "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
            : "[^/]+") + "$",
        RegexOptions.CultureInvariant);
}
