using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Nexus.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;

namespace Postern.Dev.Engine.Nexus;

/// <summary>What goes wrong with an operation, in the failures that histories carry.</summary>
internal static class NexusFailures
{
    public static Failure Handler(string type, string message) => new() { Message = message, NexusHandlerFailureInfo = new NexusHandlerFailureInfo { Type = type } };

    /// <summary>A handler's own failure, as the caller sees it: who wrote it stays behind.</summary>
    public static Failure FromHandler(Failure failure)
    {
        var seen = failure.Clone();
        seen.Source = "";
        return seen;
    }

    /// <summary>Handlers of before this was a failure send an error type with a bare message.</summary>
    public static Failure FromHandler(HandlerError error)
    {
        var failure = Handler(error.ErrorType, error.Failure?.Message ?? "");
        failure.NexusHandlerFailureInfo.RetryBehavior = error.RetryBehavior;
        return failure;
    }

#pragma warning disable CS0612 // Deprecated, but what handlers of before send.
    public static Failure FromHandler(UnsuccessfulOperationError error) => error.OperationState == "canceled"
        ? new Failure { Message = error.Failure?.Message ?? "", CanceledFailureInfo = new CanceledFailureInfo() }
        : new Failure { Message = error.Failure?.Message ?? "", ApplicationFailureInfo = new ApplicationFailureInfo { Type = "OperationError", NonRetryable = true } };
#pragma warning restore CS0612

    /// <summary>Whether the server asks the handler again: as the handler says, else by the error's type.</summary>
    public static bool MayRetry(Failure failure) => failure.NexusHandlerFailureInfo is { } info && info.RetryBehavior switch
    {
        NexusHandlerErrorRetryBehavior.Retryable => true,
        NexusHandlerErrorRetryBehavior.NonRetryable => false,
        _ => info.Type is not ("BAD_REQUEST" or "UNAUTHENTICATED" or "UNAUTHORIZED" or "NOT_FOUND" or "CONFLICT" or "NOT_IMPLEMENTED"),
    };
}
