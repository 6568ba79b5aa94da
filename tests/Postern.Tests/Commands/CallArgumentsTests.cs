using System.CommandLine;
using Postern.Commands;
using Postern.Model;

namespace Postern.Tests.Commands;

public sealed class CallArgumentsTests
{
    private static readonly CallCatalogue Calls = new(
        [new CatalogueCall("prefect/create_flow_run_from_deployment", [new CatalogueDemand(Permission.DeploymentRun, Dimensions.Server) { Unknown = Dimensions.Deployment | Dimensions.Tag }])]);

    [Fact]
    public void With_NamesOfAPrefectCall_TagsOneByOne()
    {
        var demand = Assert.Single(Read(out _, "prefect=main", "tag=prod", "deployment=refund", "tag=eu")!);

        Assert.Equal(("main", "refund", PrefectNames.Write(["prod", "eu"])), (demand.Prefect!.Server, demand.Prefect.Deployment, demand.Prefect.Tags));
        Assert.Equal(Dimensions.None, demand.Unknown);
    }

    [Fact]
    public void With_AnEmptyTag_IsAnObjectWithoutTags()
    {
        Assert.Equal(PrefectNames.Write([]), Read(out _, "prefect=main", "tag=")![0].Prefect!.Tags);
        Assert.Equal(Dimensions.Deployment | Dimensions.Tag, Read(out _, "prefect=main")![0].Unknown);
    }

    [Fact]
    public void With_ANameThatTheCallLacks_SaysWhatItHas()
    {
        Assert.Null(Read(out var wrong, "namespace=payments"));
        Assert.EndsWith("prefect/create_flow_run_from_deployment has: prefect, deployment, tag", wrong, StringComparison.Ordinal);
    }

    private static Demand[]? Read(out string wrong, params string[] with)
    {
        var command = new Command("explain") { CallArguments.Call, CallArguments.With, CallArguments.Also };
        return CallArguments.Read(command.Parse(["--call", "prefect/create_flow_run_from_deployment", .. with.SelectMany(w => new[] { "--with", w })]), Calls, out wrong);
    }
}
