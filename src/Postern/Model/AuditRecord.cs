namespace Postern.Model;

/// <summary>How carefully a call's record is kept: see docs/audit.md.</summary>
internal enum AuditClass : byte
{
    /// <summary>Intent on disk before the call is forwarded, outcome on disk before the answer.</summary>
    Write,
    /// <summary>A worker's own progress: batched by default, since the engine's history has it.</summary>
    Progress,
    /// <summary>Batched, on disk within a second.</summary>
    Read,
}

/// <summary>One call, as the record keeps it. No payload, no token. A struct, so that a batched record costs no allocation of its own.</summary>
internal record struct AuditRecord
{
    public DateTimeOffset Time;
    public string CallId;
    public AuditClass Class;
    public string? Caller;
    public CallerKind CallerKind;
    public string? Credential;
    public string? TokenId;
    public string? SessionId;
    public string? Actors;
    public string? SourceAddress;
    public string Engine;
    public string Operation;
    public string? Permission;
    public string? Namespace;
    public string? TaskQueue;
    public string? WorkflowId;
    public string? WorkflowType;
    public string? RunId;
    public string? Target;
    public string? MoreNamespaces;

    /// <summary>What a Prefect call is about; null for a call of another engine.</summary>
    public PrefectFacts? Prefect;

    public DecisionKind Decision;
    public string? Rule;
    public string? PolicyVersion;
    public RefusalReason? Refusal;
    public string? Detail;
    /// <summary>The gRPC status; of an HTTP engine's call the HTTP status.</summary>
    public int GrpcStatus;
    public TimeSpan Duration;
    public long RequestBytes;
    public long ResponseBytes;

    /// <summary>Whose call it is.</summary>
    public void Name(Caller caller)
    {
        Caller = caller.Name;
        CallerKind = caller.Kind;
        Credential = caller.CredentialId;
        TokenId = caller.TokenId;
        SessionId = caller.SessionId;
        Actors = caller.Actors.IsEmpty ? null : string.Join(" < ", caller.Actors);
    }
}
