using Postern.Model;
using static Postern.Model.Permission;

namespace Postern.Engines.Prefect;

/// <summary>Blocks, variables, artifacts, logs, events, automations, limits and saved searches.</summary>
internal static partial class PrefectRoutes
{
    private static PrefectRoute[] Blocks =>
    [
        Post("/block_types/", "create_block_type", BlockWrite) with { Body = PrefectBody.BlockTypeCreate, InBody = Dimensions.BlockType },
        Get("/block_types/{id}", "read_block_type_by_id", BlockRead).ById(PrefectObject.BlockType) with { Unknown = Dimensions.BlockType },
        Patch("/block_types/{id}", "update_block_type", BlockWrite).ById(PrefectObject.BlockType) with { Unknown = Dimensions.BlockType },
        Delete("/block_types/{id}", "delete_block_type", BlockDelete).ById(PrefectObject.BlockType) with { Unknown = Dimensions.BlockType },
        Get("/block_types/slug/{slug}", "read_block_type_by_slug", BlockRead).Of(Dimensions.BlockType, "slug"),
        Find("/block_types/filter", "read_block_types", BlockRead, PrefectFilters.BlockTypes, PrefectFilters.BlockTypes | PrefectFilters.BlockSchemas) with { Unknown = Dimensions.BlockType },
        Tells(Get("/block_types/slug/{slug}/block_documents", "read_block_documents_for_block_type", BlockRead) with { Unknown = OfBlock }).Of(Dimensions.BlockType, "slug"),
        Tells(Get("/block_types/slug/{slug}/block_documents/name/{block_document_name}", "read_block_document_by_name_for_block_type", BlockRead))
            .Of(Dimensions.BlockType, "slug").Of(Dimensions.Block, "block_document_name"),
        Post("/block_types/install_system_block_types", "install_system_block_types", ServerAdmin),
        Post("/block_documents/", "create_block_document", BlockWrite) with
        {
            Body = PrefectBody.BlockDocumentCreate, Object = PrefectObject.BlockType, Unknown = Dimensions.BlockType, InBody = Dimensions.Block, Implied = [SecretRead],
        },
        Tells(Find("/block_documents/filter", "read_block_documents", BlockRead, PrefectFilters.BlockDocuments, PrefectFilters.BlockDocuments | PrefectFilters.BlockTypes | PrefectFilters.BlockSchemas))
            with { Body = PrefectBody.BlockFilter },
        Find("/block_documents/count", "count_block_documents", BlockRead, PrefectFilters.BlockDocuments, PrefectFilters.BlockDocuments | PrefectFilters.BlockTypes | PrefectFilters.BlockSchemas),
        Tells(Get("/block_documents/{id}", "read_block_document_by_id", BlockRead)).ById(PrefectObject.BlockDocument),
        Delete("/block_documents/{id}", "delete_block_document", BlockDelete).ById(PrefectObject.BlockDocument),
        Patch("/block_documents/{id}", "update_block_document_data", BlockWrite).ById(PrefectObject.BlockDocument) with { Body = PrefectBody.BlockDocumentUpdate, Implied = [SecretRead] },
        Post("/block_schemas/", "create_block_schema", BlockWrite) with { Body = PrefectBody.BlockSchemaCreate, Object = PrefectObject.BlockType, Unknown = Dimensions.BlockType },
        Delete("/block_schemas/{id}", "delete_block_schema", BlockDelete).ById(PrefectObject.BlockSchema) with { Unknown = Dimensions.BlockType },
        Get("/block_schemas/{id}", "read_block_schema_by_id", BlockRead).ById(PrefectObject.BlockSchema) with { Unknown = Dimensions.BlockType },
        Find("/block_schemas/filter", "read_block_schemas", BlockRead, PrefectFilters.BlockSchemas, PrefectFilters.BlockSchemas) with { Unknown = Dimensions.BlockType },
        Get("/block_schemas/checksum/{checksum}", "read_block_schema_by_checksum", BlockRead).ById(PrefectObject.BlockSchema, "checksum") with { Unknown = Dimensions.BlockType },
        Get("/block_capabilities/", "read_available_block_capabilities", ServerInfo, RouteClass.Info),
    ];

    private static PrefectRoute[] Variables =>
    [
        Post("/variables/", "create_variable", VariableWrite) with { Body = PrefectBody.VariableCreate, InBody = Dimensions.Variable | Dimensions.Tag },
        Get("/variables/{id}", "read_variable", VariableRead).ById(PrefectObject.Variable),
        Patch("/variables/{id}", "update_variable", VariableWrite).ById(PrefectObject.Variable) with { Body = PrefectBody.VariableUpdate },
        Delete("/variables/{id}", "delete_variable", VariableDelete).ById(PrefectObject.Variable),
        Named("GET", "read_variable_by_name", VariableRead, RouteClass.Read),
        Named("PATCH", "update_variable_by_name", VariableWrite, RouteClass.Write) with { Body = PrefectBody.VariableUpdate },
        Named("DELETE", "delete_variable_by_name", VariableDelete, RouteClass.Write),
        Find("/variables/filter", "read_variables", VariableRead, PrefectFilters.Variables, PrefectFilters.Variables),
        Find("/variables/count", "count_variables", VariableRead, PrefectFilters.Variables, PrefectFilters.Variables),
    ];

    private static PrefectRoute[] Artifacts =>
    [
        Post("/artifacts/", "create_artifact", ArtifactWrite, RouteClass.Worker) with { Body = PrefectBody.ArtifactCreate, Object = PrefectObject.FlowRun, Unknown = OfDeployment },
        Get("/artifacts/{id}", "read_artifact", ArtifactRead).ById(PrefectObject.Artifact),
        Patch("/artifacts/{id}", "update_artifact", ArtifactWrite, RouteClass.Worker).ById(PrefectObject.Artifact),
        Delete("/artifacts/{id}", "delete_artifact", ArtifactDelete).ById(PrefectObject.Artifact),
        // A key is any flow's: whose artifact is the latest, only the answer says.
        Get("/artifacts/{key}/latest", "read_latest_artifact", ArtifactRead) with { Unknown = OfDeployment },
        Find("/artifacts/filter", "read_artifacts", ArtifactRead, PrefectFilters.Artifacts, RunFilters | PrefectFilters.Artifacts),
        Find("/artifacts/latest/filter", "read_latest_artifacts", ArtifactRead, PrefectFilters.Artifacts, RunFilters | PrefectFilters.Artifacts),
        Find("/artifacts/count", "count_artifacts", ArtifactRead, PrefectFilters.Artifacts, RunFilters | PrefectFilters.Artifacts),
        Find("/artifacts/latest/count", "count_latest_artifacts", ArtifactRead, PrefectFilters.Artifacts, RunFilters | PrefectFilters.Artifacts),
    ];

    private static PrefectRoute[] Logs =>
    [
        Post("/logs/", "create_logs", LogWrite, RouteClass.Worker) with { Body = PrefectBody.Logs, Object = PrefectObject.FlowRun, Unknown = OfDeployment },
        Find("/logs/filter", "read_logs", LogRead, PrefectFilters.Logs, PrefectFilters.Logs),
    ];

    private static PrefectRoute[] Events =>
    [
        Post("/events", "create_events", EventWrite, RouteClass.Worker) with { Body = PrefectBody.Events },
        Find("/events/filter", "read_events", EventRead, PrefectFilters.Events, PrefectFilters.Events),
        // The filter of the first page, which anybody could write by himself.
        Get("/events/filter/next", "read_account_events_page", EventRead) with { Body = PrefectBody.EventPage, Family = PrefectFilters.Events, Filters = PrefectFilters.Events, Unknown = OfDeployment },
        Find("/events/count-by/{countable}", "count_account_events", EventRead, PrefectFilters.Events, PrefectFilters.Events),
    ];

    private static PrefectRoute[] Automations =>
    [
        Post("/automations/", "create_automation", AutomationWrite),
        Put("/automations/{id}", "update_automation", AutomationWrite).ById(PrefectObject.Automation),
        Patch("/automations/{id}", "patch_automation", AutomationWrite).ById(PrefectObject.Automation) with { Body = PrefectBody.AutomationUpdate, Instead = [AutomationPause] },
        Delete("/automations/{id}", "delete_automation", AutomationDelete).ById(PrefectObject.Automation),
        Get("/automations/{id}", "read_automation", AutomationRead).ById(PrefectObject.Automation),
        Find("/automations/filter", "read_automations", AutomationRead, PrefectFilters.Automations, PrefectFilters.Automations),
        Find("/automations/count", "count_automations", AutomationRead, PrefectFilters.Automations, PrefectFilters.Automations),
        Get("/automations/related-to/{resource_id}", "read_automations_related_to_resource", AutomationRead),
        Delete("/automations/owned-by/{resource_id}", "delete_automations_owned_by_resource", AutomationDelete),
        Post("/templates/validate", "validate_template", AutomationRead, RouteClass.Read),
        Post("/automations/templates/validate", "validate_automation_template", AutomationRead, RouteClass.Read),
    ];

    private static PrefectRoute[] Concurrency =>
    [
        Post("/concurrency_limits/", "create_concurrency_limit", ConcurrencyWrite),
        Get("/concurrency_limits/{id}", "read_concurrency_limit", ConcurrencyRead).ById(PrefectObject.ConcurrencyLimit),
        Delete("/concurrency_limits/{id}", "delete_concurrency_limit", ConcurrencyWrite).ById(PrefectObject.ConcurrencyLimit),
        Get("/concurrency_limits/tag/{tag}", "read_concurrency_limit_by_tag", ConcurrencyRead),
        Delete("/concurrency_limits/tag/{tag}", "delete_concurrency_limit_by_tag", ConcurrencyWrite),
        Post("/concurrency_limits/tag/{tag}/reset", "reset_concurrency_limit_by_tag", ConcurrencyReset),
        Post("/concurrency_limits/filter", "read_concurrency_limits", ConcurrencyRead, RouteClass.Read),
        Post("/concurrency_limits/increment", "increment_concurrency_limits_v1", ConcurrencyUse, RouteClass.Worker),
        Post("/concurrency_limits/decrement", "decrement_concurrency_limits_v1", ConcurrencyUse, RouteClass.Worker),
        Post("/v2/concurrency_limits/", "create_concurrency_limit_v2", ConcurrencyWrite),
        Get("/v2/concurrency_limits/{id_or_name}", "read_concurrency_limit_v2", ConcurrencyRead),
        Patch("/v2/concurrency_limits/{id_or_name}", "update_concurrency_limit_v2", ConcurrencyWrite),
        Delete("/v2/concurrency_limits/{id_or_name}", "delete_concurrency_limit_v2", ConcurrencyWrite),
        Post("/v2/concurrency_limits/filter", "read_all_concurrency_limits_v2", ConcurrencyRead, RouteClass.Read),
        Post("/v2/concurrency_limits/increment", "bulk_increment_active_slots", ConcurrencyUse, RouteClass.Worker),
        Post("/v2/concurrency_limits/increment-with-lease", "bulk_increment_active_slots_with_lease", ConcurrencyUse, RouteClass.Worker),
        Post("/v2/concurrency_limits/decrement", "bulk_decrement_active_slots", ConcurrencyUse, RouteClass.Worker),
        Post("/v2/concurrency_limits/decrement-with-lease", "bulk_decrement_active_slots_with_lease", ConcurrencyUse, RouteClass.Worker),
        Post("/v2/concurrency_limits/leases/{lease_id}/renew", "renew_concurrency_lease", ConcurrencyUse, RouteClass.Worker),
    ];

    private static PrefectRoute[] SavedSearches =>
    [
        Put("/saved_searches/", "create_saved_search", SavedSearchWrite),
        Get("/saved_searches/{id}", "read_saved_search", SavedSearchRead).ById(PrefectObject.SavedSearch),
        Delete("/saved_searches/{id}", "delete_saved_search", SavedSearchWrite).ById(PrefectObject.SavedSearch),
        Post("/saved_searches/filter", "read_saved_searches", SavedSearchRead, RouteClass.Read),
    ];

    private static PrefectRoute Named(string method, string operation, Permission permission, RouteClass routeClass)
        => (new PrefectRoute(operation, method, Api + "/variables/name/{name}", permission, routeClass) with { Object = PrefectObject.Variable, Unknown = Dimensions.Tag }).Of(Dimensions.Variable);

    private static PrefectRoute Tells(PrefectRoute route) => route with { TellsSecrets = true, Implied = [SecretRead] };
}
