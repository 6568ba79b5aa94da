using Postern.Configuration;
using Postern.Identity;
using Postern.Identity.Introspection;

namespace Postern.Commands.Checks;

/// <summary>Whether each introspection endpoint answers this gate, by the code that the gate itself asks with: about a token that nobody has.</summary>
internal static class IntrospectionChecks
{
    public static async Task RunAsync(PosternOptions options, Problems problems, TimeProvider time, CancellationToken cancellation)
    {
        for (var i = 0; i < options.Identity.Introspection.Count; i++)
        {
            var entry = options.Identity.Introspection[i];
            // What can't be asked was reported when the file was read.
            if (!IdentityValidator.IsSafeUrl(entry.Endpoint))
            {
                continue;
            }

            var token = $"{entry.Prefix}postern-check-{Guid.NewGuid():N}";
            using var client = new IntrospectionClient(entry, time);
            TokenDigest.TryOf(token, out var digest);
            var answer = await client.AskAsync(token, digest, cancellation);
            if (answer.Failure is { } failure)
            {
                problems.Error($"identity.introspection[{i}]", $"gives no answer: {failure}");
            }
            else if (answer.Claims is not null)
            {
                problems.Error($"identity.introspection[{i}]", "calls a token active that was made up just now: whatever answers there, it is no introspection endpoint");
            }
        }
    }
}
