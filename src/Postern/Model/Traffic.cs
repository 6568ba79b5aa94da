namespace Postern.Model;

/// <summary>What kind of traffic a call is, on every engine: limits are set for each apart, so that what a worker needs to live is never taken by what people look at.</summary>
internal enum Traffic : byte
{
    /// <summary>Somebody looks at something.</summary>
    Read,

    /// <summary>Somebody changes something.</summary>
    Write,

    /// <summary>A worker or a runner asks for work.</summary>
    Poll,

    /// <summary>What workers and running flows report of themselves.</summary>
    Progress,

    /// <summary>A socket that stays open.</summary>
    Socket,
}
