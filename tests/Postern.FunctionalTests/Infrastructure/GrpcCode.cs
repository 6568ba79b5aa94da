namespace Postern.FunctionalTests.Infrastructure;

/// <summary>gRPC's status codes by their names.</summary>
internal static class GrpcCode
{
    public const int Ok = 0, Cancelled = 1, Unknown = 2, InvalidArgument = 3, DeadlineExceeded = 4, NotFound = 5, AlreadyExists = 6, PermissionDenied = 7,
        ResourceExhausted = 8, FailedPrecondition = 9, Unimplemented = 12, Internal = 13, Unavailable = 14, Unauthenticated = 16;
}
