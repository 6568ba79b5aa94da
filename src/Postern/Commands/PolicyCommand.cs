using System.CommandLine;

namespace Postern.Commands;

/// <summary><c>postern policy</c>: the verbs that ask the policy without a gate.</summary>
internal static class PolicyCommand
{
    public static VerbCommand Create() => new(
        "policy",
        "Asks the policy without a gate.",
        "postern policy test",
        "postern policy test --policy changed.yaml --issuer okta")
    {
        PolicyTestCommand.Create(),
    };
}
