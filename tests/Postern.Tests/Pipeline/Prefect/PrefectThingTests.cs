using System.Text.Json;
using Postern.Model;
using Postern.Pipeline.Prefect;

namespace Postern.Tests.Pipeline.Prefect;

/// <summary>What a look-up of each kind of thing settles of a demand, and what stays unknown after it.</summary>
public sealed class PrefectThingTests
{
    private const string Whole = """
        {"id":"aaaaaaaa-1111-4111-8111-111111111111","name":"n","slug":"s","flow_id":"f","work_pool_id":"p","work_pool_name":"pool","work_queue_name":"queue","tags":["t"],"block_type":{"slug":"type"} }
        """;

    private const Dimensions OfPool = Dimensions.WorkPool | Dimensions.WorkQueue;
    private const Dimensions OfRun = OfPool | Dimensions.Deployment | Dimensions.Flow | Dimensions.Tag;

    // What is left of the permission's dimensions: a kind without a row tells nothing.
    private static readonly (PrefectObject Kind, Permission Permission, Dimensions Left)[] s_table =
    [
        (PrefectObject.Flow, Permission.FlowRead, Dimensions.None),
        (PrefectObject.Flow, Permission.FlowRunStart, OfRun & ~Dimensions.Flow),
        (PrefectObject.Flow, Permission.DeploymentRead, OfRun & ~Dimensions.Flow),
        (PrefectObject.Flow, Permission.EventRead, OfRun & ~Dimensions.Flow),
        (PrefectObject.Deployment, Permission.DeploymentRun, Dimensions.None),
        (PrefectObject.Deployment, Permission.WorkPoolPoll, Dimensions.None),
        (PrefectObject.FlowRun, Permission.LogRead, Dimensions.None),
        (PrefectObject.FlowRun, Permission.WorkPoolPoll, Dimensions.None),
        (PrefectObject.WorkPool, Permission.WorkPoolRead, Dimensions.WorkQueue),
        (PrefectObject.WorkPool, Permission.EventRead, OfRun & ~Dimensions.WorkPool),
        (PrefectObject.WorkQueue, Permission.WorkPoolRead, Dimensions.None),
        (PrefectObject.WorkQueue, Permission.EventRead, OfRun & ~OfPool),
        (PrefectObject.Variable, Permission.VariableRead, Dimensions.None),
        (PrefectObject.Variable, Permission.EventRead, OfRun & ~Dimensions.Tag),
        (PrefectObject.BlockDocument, Permission.SecretRead, Dimensions.None),
        (PrefectObject.BlockType, Permission.BlockRead, Dimensions.Block),
        (PrefectObject.BlockSchema, Permission.BlockRead, Dimensions.Block),
        (PrefectObject.Automation, Permission.EventRead, OfRun),
        (PrefectObject.ConcurrencyLimit, Permission.EventRead, OfRun),
        (PrefectObject.SavedSearch, Permission.EventRead, OfRun),
    ];

    public static TheoryData<string> Rows => [.. s_table.Select(row => $"{row.Kind} {row.Permission}")];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Complete_TellsOfTheThing_AndLeavesTheRestUnknown(string row)
    {
        var (kind, permission, left) = s_table.Single(one => $"{one.Kind} {one.Permission}" == row);

        var completed = PrefectAuthorizeStage.Complete(Unknown(permission), Read(kind, Whole));

        Assert.Equal(left, completed.Unknown);
    }

    [Fact]
    public void Table_HasEveryKind()
    {
        // Tasks, states and artifacts are looked up as their runs, and a deployment by its name as one.
        PrefectObject[] others = [PrefectObject.None, PrefectObject.FlowRunState, PrefectObject.TaskRun, PrefectObject.TaskRunState, PrefectObject.Artifact, PrefectObject.DeploymentOfFlow];

        Assert.Equal(Enum.GetValues<PrefectObject>().Except(others).Order(), s_table.Select(row => row.Kind).Distinct().Order());
    }

    [Theory]
    [InlineData(nameof(PrefectObject.WorkQueue), """{"id":"x","name":"q","work_pool_id":"p"}""", nameof(Permission.WorkPoolRead), "WorkPool")]
    [InlineData(nameof(PrefectObject.WorkQueue), """{"id":"x","name":"q"}""", nameof(Permission.WorkPoolRead), "None")]
    [InlineData(nameof(PrefectObject.BlockDocument), """{"id":"x","name":"b"}""", nameof(Permission.BlockRead), "BlockType")]
    [InlineData(nameof(PrefectObject.BlockSchema), """{"id":"x"}""", nameof(Permission.BlockRead), "BlockType, Block")]
    public void Complete_WhatTheAnswerLeavesOut_StaysUnknown(string kind, string answer, string permission, string left)
    {
        var completed = PrefectAuthorizeStage.Complete(Unknown(Enum.Parse<Permission>(permission)), Read(Enum.Parse<PrefectObject>(kind), answer));

        Assert.Equal(Enum.Parse<Dimensions>(left), completed.Unknown);
    }

    [Fact]
    public void Complete_WhatIsAboutToBeMade_HasNothingThatARuleCouldSpeakOf()
    {
        var completed = PrefectAuthorizeStage.Complete(Unknown(Permission.DeploymentWrite), PrefectThing.Missing);

        Assert.Equal((Dimensions.None, OfRun), (completed.Unknown, completed.Waived));
    }

    [Fact]
    public void Complete_TagThatCantBeTold_StaysUnknown()
    {
        var completed = PrefectAuthorizeStage.Complete(Unknown(Permission.FlowRunRead), PrefectThing.OfNone(["a\u001fb"]));

        Assert.Equal(Dimensions.Tag, completed.Unknown);
    }

    private static Demand Unknown(Permission permission) =>
        new() { Permission = permission, Prefect = new PrefectNames { Server = "main" }, Unknown = PermissionDimensions.Of(permission) & PermissionDimensions.OfPrefect & ~Dimensions.Server };

    private static PrefectThing Read(PrefectObject kind, string answer)
    {
        using var document = JsonDocument.Parse(answer);
        return PrefectThing.Read(kind, document.RootElement.Clone());
    }
}
