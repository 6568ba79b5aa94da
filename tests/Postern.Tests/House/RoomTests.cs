using System.Text.RegularExpressions;
using Postern.Tests.Configuration;

namespace Postern.Tests.House;

/// <summary>
/// The house is kept by its doors: a room knows the nouns of <c>Model</c>, the value types of <c>Configuration</c> and the names of <c>Telemetry</c>, never another room.
/// Only the rooms that put the others together may (docs/architecture.md).
/// </summary>
public sealed partial class RoomTests
{
    private static readonly string[] Common = ["Model", "Configuration", "Telemetry"];
    private static readonly string[] Joining = ["Pipeline", "Hosting", "Admin", "Commands", "OAuth"];

    public static TheoryData<string> Rooms()
    {
        var rooms = Directory.GetDirectories(Repository.Path("src/Postern")).Select(d => Path.GetFileName(d)!);
        return [.. rooms.Where(r => Directory.GetFiles(Repository.Path("src/Postern/" + r), "*.cs", SearchOption.AllDirectories).Length > 0).Except(Joining)];
    }

    [Theory]
    [MemberData(nameof(Rooms))]
    public void Room_Usings_NameNoOtherRoom(string room)
    {
        // The root options are made of every room's own options: Configuration may know those, and nothing of the rooms that join.
        string[] allowed = room == "Configuration" ? [.. Common, "Audit", "Engines", "Identity", "Hosting", "Limits", "Storage", "Tokens"] : [.. Common, room];

        var strangers = Directory.GetFiles(Repository.Path("src/Postern/" + room), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Using().Matches(File.ReadAllText(file)).Select(m => (File: Path.GetFileName(file), Room: m.Groups[1].Value)))
            .Where(u => !allowed.Contains(u.Room));

        Assert.Empty(strangers);
    }

    [Fact]
    public void Model_KnowsNothingOfHttp()
    {
        var files = Directory.GetFiles(Repository.Path("src/Postern/Model"), "*.cs");

        Assert.NotEmpty(files);
        Assert.DoesNotContain(files, f => File.ReadAllText(f).Contains("Microsoft.AspNetCore", StringComparison.Ordinal));
    }

    [Fact]
    public void Policy_DecidesWithoutHttpAndWithoutFiles()
    {
        var files = Directory.GetFiles(Repository.Path("src/Postern/Policy"), "*.cs", SearchOption.AllDirectories).Where(f => !f.EndsWith("PolicyLoader.cs", StringComparison.Ordinal));

        Assert.DoesNotContain(files, f => File.ReadAllText(f).Contains("Microsoft.AspNetCore", StringComparison.Ordinal));
        Assert.DoesNotContain(files, f => DoesIo().IsMatch(File.ReadAllText(f)));
    }

    [GeneratedRegex(@"(?:^|\W)Postern\.(Model|Pipeline|Engines|Identity|Policy|Tokens|Audit|Forwarding|Configuration|Hosting|Telemetry|Commands|Storage|OAuth|Admin|Limits)\b(?!"")", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(@"\bFile\.(Read|Open|Write)|\bHttpClient\b|\bSocket\b|\bawait\b")]
    private static partial Regex DoesIo();
}
