using Temporalio.Api.Enums.V1;

namespace Postern.Dev.Engine.Commands;

/// <summary>Why a worker's answer can't be carried out: the task fails with this cause, and the worker is told the same words.</summary>
internal sealed record CommandRefusal(WorkflowTaskFailedCause Cause, string Message);
