using Temporalio.Api.Common.V1;

namespace Postern.Dev.Engine.Grpc;

/// <summary>What a handler knows of the call besides its message.</summary>
/// <param name="Method">Name of the method, without its service.</param>
/// <param name="Deadline">When the client stops waiting; null when it sent no grpc-timeout.</param>
/// <param name="Principal">Who calls, when principals are written into histories; otherwise null.</param>
/// <param name="FollowsRuns">The client understands that a closed run names the run that follows it.</param>
/// <param name="Gone">Ends when the client goes away or its deadline passes.</param>
internal sealed record CallContext(string Method, DateTimeOffset? Deadline, Principal? Principal, bool FollowsRuns, CancellationToken Gone);
