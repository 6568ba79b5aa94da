using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Postern.Dev.Engine.Grpc;

/// <summary>Recycles connections by age, as the server does: GOAWAY first, the cut after a grace.</summary>
internal static class ConnectionAge
{
    public static ConnectionDelegate Limit(ConnectionDelegate next, TimeSpan age, TimeSpan grace, TimeProvider time) => async connection =>
    {
        await using var goAway = time.CreateTimer(
            _ => connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose(), null, age, Timeout.InfiniteTimeSpan);
        await using var cut = time.CreateTimer(_ => connection.Abort(), null, age + grace, Timeout.InfiniteTimeSpan);
        await next(connection);
    };
}
