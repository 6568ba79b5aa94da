namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Reads and checks the token that the gate presents to the engine, as a stock server's authorizer would.</summary>
internal sealed class UpstreamToken(ArrivedCall call) : SignedToken(Of(call))
{
    public IReadOnlyList<string?> Permissions => [.. Claims.GetProperty("permissions").EnumerateArray().Select(permission => permission.GetString())];

    private static string Of(ArrivedCall call)
    {
        var value = call.Headers.Single(header => header.Name == "authorization").Value;
        Assert.StartsWith("Bearer ", value);
        return value["Bearer ".Length..];
    }
}
