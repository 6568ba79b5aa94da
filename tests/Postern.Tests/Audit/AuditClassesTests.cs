using Postern.Audit;
using Postern.Model;

namespace Postern.Tests.Audit;

public sealed class AuditClassesTests
{
    [Theory]
    [InlineData("workflow.start", "Write")]
    [InlineData("workflow.query", "Read")]
    [InlineData("workflow.list", "Read")]
    [InlineData("worker.poll", "Progress")]
    [InlineData("worker.complete", "Progress")]
    [InlineData("worker.configure", "Write")]
    [InlineData("nexus.call", "Write")]
    [InlineData("cluster.remote", "Write")]
    [InlineData("cluster.info", "Read")]
    public void Of_NoOverride_IsTheDefault(string name, string expected)
    {
        Assert.True(Permissions.TryParse(name, out var permission));
        Assert.Equal(expected, new AuditClasses(new AuditOptions()).Of(permission).ToString());
    }

    [Fact]
    public void Of_Override_Wins()
    {
        var options = new AuditOptions { Classes = new Dictionary<string, AuditClass> { ["workflow.read"] = AuditClass.Write, ["worker.complete"] = AuditClass.Write } };

        var classes = new AuditClasses(options);

        Assert.Equal(AuditClass.Write, classes.Of(Permission.WorkflowRead));
        Assert.Equal(AuditClass.Write, classes.Of(Permission.WorkerComplete));
        Assert.Equal(AuditClass.Read, classes.Of(Permission.WorkflowList));
    }

    [Fact]
    public void Of_PermissionWhoseVerbChangesSomething_IsAWrite() =>
        Assert.All(
            Permissions.All.Where(p => p.Name().Split('.')[1] is not ("read" or "list" or "info" or "query" or "poll" or "complete" or "heartbeat" or "report" or "use")).Except(s_ofRuns),
            p => Assert.Equal(AuditClass.Write, AuditClasses.Default(p)));

    // What a running flow writes of itself all the time, and the server's own history has.
    private static readonly Permission[] s_ofRuns = [Permission.TaskRunWrite, Permission.FlowRunWrite, Permission.LogWrite, Permission.EventWrite, Permission.ArtifactWrite];

    [Fact]
    public void Of_NoPermission_IsAWrite() => Assert.Equal(AuditClass.Write, new AuditClasses(new AuditOptions()).Of(Permission.None));

    [Fact]
    public void Strictest_WriteAndRead_IsWrite()
    {
        Assert.Equal(AuditClass.Write, AuditClasses.Strictest(AuditClass.Read, AuditClass.Write));
        Assert.Equal(AuditClass.Progress, AuditClasses.Strictest(AuditClass.Progress, AuditClass.Read));
    }
}
