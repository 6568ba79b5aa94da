using Postern.Dev.Engine.Runs;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Commands;

/// <summary>Commands that only write something down: markers, search attributes, memo.</summary>
internal static class NoteCommands
{
    public static void Carry(WorkflowRun run, Command command, long completedId)
    {
        switch (command.CommandType)
        {
            case CommandType.RecordMarker:
                RecordMarker(run, command, completedId);
                break;
            case CommandType.UpsertWorkflowSearchAttributes:
                Upsert(run, command, completedId);
                break;
            default:
                Modify(run, command, completedId);
                break;
        }
    }

    private static void RecordMarker(WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.RecordMarkerCommandAttributes;
        var marker = new MarkerRecordedEventAttributes
        {
            MarkerName = attributes.MarkerName,
            WorkflowTaskCompletedEventId = completedId,
            Header = attributes.Header,
            Failure = attributes.Failure,
        };
        marker.Details.Add(attributes.Details);
        run.Log.Append(EventType.MarkerRecorded, command, e => e.MarkerRecordedEventAttributes = marker);
    }

    private static void Upsert(WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.UpsertWorkflowSearchAttributesCommandAttributes;
        var typed = run.Start.Namespace.SearchAttributes.Typed(attributes.SearchAttributes, run.Start.Namespace.Name) ?? new SearchAttributes();
        run.Log.Append(EventType.UpsertWorkflowSearchAttributes, command, e => e.UpsertWorkflowSearchAttributesEventAttributes =
            new UpsertWorkflowSearchAttributesEventAttributes { WorkflowTaskCompletedEventId = completedId, SearchAttributes = typed });
        var merged = run.SearchAttributes?.Clone() ?? new SearchAttributes();
        foreach (var (name, value) in typed.IndexedFields)
        {
            if (IsNull(value))
            {
                merged.IndexedFields.Remove(name);
            }
            else
            {
                merged.IndexedFields[name] = value;
            }
        }

        run.SearchAttributes = merged;
    }

    private static void Modify(WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.ModifyWorkflowPropertiesCommandAttributes;
        run.Log.Append(EventType.WorkflowPropertiesModified, command, e => e.WorkflowPropertiesModifiedEventAttributes =
            new WorkflowPropertiesModifiedEventAttributes { WorkflowTaskCompletedEventId = completedId, UpsertedMemo = attributes.UpsertedMemo });
        if (attributes.UpsertedMemo is null)
        {
            return;
        }

        var merged = run.Memo?.Clone() ?? new Memo();
        foreach (var (name, value) in attributes.UpsertedMemo.Fields)
        {
            if (IsNull(value))
            {
                merged.Fields.Remove(name);
            }
            else
            {
                merged.Fields[name] = value;
            }
        }

        run.Memo = merged;
    }

    // An empty payload, or the SDKs' encoding of nothing, takes a field away.
    private static bool IsNull(Payload payload) => payload.Data.IsEmpty
        || payload.Metadata.GetValueOrDefault("encoding")?.ToStringUtf8() == "binary/null"
        || payload.Data.ToStringUtf8() is "null" or "[]";
}
