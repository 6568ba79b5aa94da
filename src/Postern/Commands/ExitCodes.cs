namespace Postern.Commands;

/// <summary>What the process ends with; docs/cli.md lists them. A released code keeps its meaning.</summary>
internal static class ExitCodes
{
    /// <summary>Done, nothing wrong.</summary>
    public const int Ok = 0;

    /// <summary>Something failed that isn't the configuration's fault.</summary>
    public const int Failed = 1;

    /// <summary>The configuration or the policy has errors; they are printed.</summary>
    public const int Invalid = 2;

    /// <summary>A policy's own tests fail.</summary>
    public const int TestsFailed = 3;

    /// <summary>The answer of policy explain isn't "allow"; or the gate knows no such caller or doesn't allow the call.</summary>
    public const int NotAllowed = 4;

    /// <summary>What the command is about isn't there.</summary>
    public const int NotThere = 5;

    /// <summary>It stands in the way of what is there: a name that is taken, a change that somebody else made first.</summary>
    public const int Conflict = 6;

    /// <summary>The command line itself isn't understood.</summary>
    public const int Usage = 64;
}
