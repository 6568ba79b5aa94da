using System.CommandLine;

namespace Postern.Commands;

/// <summary><c>postern policy</c>: the verbs that ask the policy without a gate.</summary>
internal static class PolicyCommand
{
    public static VerbCommand Create(TimeProvider time) => new(
        "policy",
        "Tests, explains and shows the policy.",
        "postern policy test",
        "postern policy explain --caller user:alice@example.com --call temporal/StartWorkflowExecution --with namespace=payments",
        "postern policy explain --caller user:alice@example.com --call prefect/create_flow_run_from_deployment --with prefect=main --with deployment=refund",
        "postern policy matrix")
    {
        PolicyTestCommand.Create(),
        PolicyExplainCommand.Create(time),
        PolicyMatrixCommand.Create(),
    };
}
