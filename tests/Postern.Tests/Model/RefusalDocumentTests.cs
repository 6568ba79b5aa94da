using System.Globalization;
using System.Text.RegularExpressions;
using Postern.Engines.Prefect;
using Postern.Engines.Temporal;
using Postern.Model;
using Postern.Tests.Configuration;

namespace Postern.Tests.Model;

/// <summary>docs/refusals.md is the closed list as it is, with the status that each reason is answered with.</summary>
public sealed partial class RefusalDocumentTests
{
    [Fact]
    public void Document_Reasons_AreTheListWithItsCodes()
    {
        var written = Row().Matches(Repository.Read("docs/refusals.md"))
            .Select(m => (Reason: m.Groups[1].Value, Grpc: Number(m.Groups[2]), Http: Number(m.Groups[3]), Prefect: Number(m.Groups[4]), Workers: Number(m.Groups[5].Success ? m.Groups[5] : m.Groups[4])));

        var known = Enum.GetValues<RefusalReason>().Select(r => (Kebab(r), TemporalRefusal.Code(r), TemporalRefusal.HttpCode(r), PrefectRefusal.Status(r, isWorkers: false), PrefectRefusal.Status(r, isWorkers: true)));

        Assert.Equal(known, written);
    }

    private static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);

    private static string Kebab(RefusalReason reason) =>
        Capital().Replace(reason.ToString(), "-$0").TrimStart('-').ToLowerInvariant();

    [GeneratedRegex(@"^\| `([a-z-]+)` \| (\d+) [A-Z_]+ \| (\d{3}) \| (\d{3})(?:, workers (\d{3}))? \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Capital();
}
