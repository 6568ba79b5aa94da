using Postern.Client;

namespace Postern.Commands.Workload;

/// <summary><c>postern token</c>: one token, for scripts.</summary>
internal static class TokenCommand
{
    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "token",
            "Prints a short-lived token of a workload, for scripts. It is a secret: don't let it into a log.",
            "postern token --gate https://postern.example.com:7233 --account ci --key-file /run/secrets/postern",
            "temporal workflow list --api-key \"$(postern token --workload-file /var/run/secrets/tokens/postern)\"");
        foreach (var option in WorkloadIdentity.Options)
        {
            command.Add(option);
        }

        command.SetAction(async (parsed, cancellation) =>
        {
            var output = new CommandOutput(parsed);
            await using var source = WorkloadIdentity.Read(parsed, time, out var wrong);
            if (source is null)
            {
                output.Words(wrong);
                return ExitCodes.Usage;
            }

            try
            {
                var token = await source.GetAsync(cancellation);
                if (output.IsJson)
                {
                    output.Json(json =>
                    {
                        json.WriteStartObject();
                        json.WriteString("token", token.Value);
                        json.WriteString("expiresAt", token.ExpiresAt);
                        json.WriteEndObject();
                    });
                }
                else
                {
                    output.Result(token.Value);
                }

                return ExitCodes.Ok;
            }
            catch (PosternTokenException e)
            {
                output.Words(e.Message);
                return ExitCodes.Failed;
            }
        });
        return command;
    }
}
