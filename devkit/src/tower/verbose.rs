//! The keys that Tower sends with every object and that a refresh ignores.

use serde_json::{Map, Value, json};

use super::object::Kind;

/// Adds the ignored keys; what is there already stays as it is.
pub(super) fn unfilter(kind: Kind, body: &mut Map<String, Value>) {
    let id = body.get("id").and_then(Value::as_u64).unwrap_or_default();
    let more = match kind {
        Kind::JobTemplate => template(body, id, "job_templates", &playbook_run()),
        Kind::WorkflowJobTemplate => template(body, id, "workflow_job_templates", &workflow_run()),
        Kind::Inventory => inventory(id),
        Kind::Credential => credential(body, id),
        Kind::CredentialType => credential_type(id),
        Kind::Node => node(body, id),
        // Surveys and their questions have no keys of that kind.
        Kind::Survey | Kind::Question => json!({}),
    };
    if let Value::Object(more) = more {
        for (key, value) in more {
            body.entry(key).or_insert(value);
        }
    }
}

fn template(body: &mut Map<String, Value>, id: u64, collection: &str, run: &Value) -> Value {
    let url = format!("/api/v2/{collection}/{id}/");
    // Tower itself sends the integer; the string is the worker's choice of `related.inventory`.
    let inventory = body.get("inventory").cloned().unwrap_or_default();
    if let Some(path) = inventory.as_str() {
        let id = path.trim_matches('/').rsplit('/').next().and_then(|id| id.parse::<u64>().ok());
        body.insert("related".to_owned(), related(&url, TEMPLATE_RELATED, Some(("inventory", path))));
        body.insert("inventory".to_owned(), json!(id));
    }
    let mut more = json!({
        "url": url, "related": related(&url, TEMPLATE_RELATED, None), "summary_fields": template_summary(id),
        "organization": 1, "extra_vars": "---\nserial: 20%\nnotify: ops@example.com\n", "limit": "",
        "status": "successful", "last_job_run": "2023-11-19T02:00:04.557612Z",
        "last_job_failed": false, "next_job_run": null,
        "allow_simultaneous": false, "webhook_service": "", "webhook_credential": null, "scm_branch": "",
        "ask_scm_branch_on_launch": false,
    });
    if let (Value::Object(more), Value::Object(run)) = (&mut more, run) {
        more.extend(run.clone());
    }
    more
}

const TEMPLATE_RELATED: &[&str] = &[
    "labels",
    "jobs",
    "schedules",
    "activity_stream",
    "launch",
    "webhook_key",
    "webhook_receiver",
    "notification_templates_started",
    "notification_templates_success",
    "notification_templates_error",
    "access_list",
    "survey_spec",
    "object_roles",
    "copy",
];

fn related(url: &str, names: &[&str], extra: Option<(&str, &str)>) -> Value {
    let links = names.iter().map(|name| ((*name).to_owned(), json!(format!("{url}{name}/"))));
    let people = ["created_by", "modified_by"].map(|name| (name.to_owned(), json!("/api/v2/users/1/")));
    let extra = extra.map(|(name, target)| (name.to_owned(), json!(target)));
    Value::Object(links.chain(people).chain(extra).collect())
}

/// The id of something that belongs to the object; tests use ids near the end of the range.
fn derived(id: u64, times: u64, plus: u64) -> u64 {
    id.wrapping_mul(times).wrapping_add(plus)
}

fn user() -> Value {
    json!({"id": 1, "username": "admin", "first_name": "Ada", "last_name": "Admin"})
}

fn role(id: u64, name: &str, description: &str) -> Value {
    json!({"id": id, "name": name, "description": description})
}

fn template_summary(id: u64) -> Value {
    json!({
        "organization": {"id": 1, "name": "Default", "description": "The organisation of everybody"},
        "last_job": {"id": derived(id, 40, 3), "name": "last run", "description": "",
                     "finished": "2023-11-19T02:03:11.204518Z",
                     "status": "successful", "failed": false},
        "created_by": user(), "modified_by": user(),
        "object_roles": {
            "admin_role": role(derived(id, 3, 0), "Admin", "Can manage all aspects of the template"),
            "execute_role": role(derived(id, 3, 1), "Execute", "May run the template"),
            "read_role": role(derived(id, 3, 2), "Read", "May view settings for the template"),
        },
        "user_capabilities": {"edit": true, "delete": true, "start": true, "schedule": true, "copy": true},
        "labels": {"count": 2, "results": [{"id": 1, "name": "linux"}, {"id": 4, "name": "monthly"}]},
        "recent_jobs": (0..5u64).map(|n| json!({
            "id": derived(id, 40, n), "status": "successful", "finished": "2023-11-19T02:03:11.204518Z",
            "canceled_on": null,
            "type": "job",
        })).collect::<Vec<_>>(),
        "credentials": [{"id": 1, "name": "Demo", "description": "", "kind": "ssh", "cloud": false}],
    })
}

fn playbook_run() -> Value {
    json!({
        "job_type": "run", "project": 6, "playbook": "site.yml", "forks": 0, "verbosity": 0, "job_tags": "",
        "force_handlers": false, "skip_tags": "", "start_at_task": "", "timeout": 0, "use_fact_cache": false,
        "execution_environment": null, "host_config_key": "", "become_enabled": false, "diff_mode": false,
        "custom_virtualenv": null, "job_slice_count": 1, "last_update_failed": false,
    })
}

fn workflow_run() -> Value {
    json!({"last_update_failed": false, "ask_labels_on_launch": false, "job_tags": null, "skip_tags": null})
}

fn inventory(id: u64) -> Value {
    let url = format!("/api/v2/inventories/{id}/");
    let links = [
        "hosts",
        "groups",
        "root_groups",
        "variable_data",
        "script",
        "tree",
        "inventory_sources",
        "update_inventory_sources",
        "activity_stream",
        "job_templates",
        "ad_hoc_commands",
        "access_list",
        "object_roles",
        "instance_groups",
        "copy",
    ];
    json!({
        "url": url, "related": related(&url, &links, Some(("organization", "/api/v2/organizations/1/"))),
        "summary_fields": {
            "organization": {"id": 1, "name": "Default", "description": ""},
            "created_by": user(), "modified_by": user(),
            "object_roles": {"admin_role": role(derived(id, 5, 0), "Admin", "Can manage all aspects of the inventory"),
                             "use_role": role(derived(id, 5, 1), "Use", "Can use the inventory in a job template")},
            "user_capabilities": {"edit": true, "delete": true, "copy": true, "adhoc": true},
        },
        "has_active_failures": false, "total_hosts": 42, "hosts_with_active_failures": 0, "total_groups": 5,
        "has_inventory_sources": false, "total_inventory_sources": 0, "prevent_instance_group_fallback": false,
    })
}

fn credential(body: &Map<String, Value>, id: u64) -> Value {
    let url = format!("/api/v2/credentials/{id}/");
    let links =
        ["activity_stream", "access_list", "object_roles", "owner_users", "owner_teams", "copy", "input_sources"];
    json!({
        "url": url, "related": related(&url, &links, None), "organization": 1, "managed": false, "kind": "ssh",
        "cloud": false, "kubernetes": false, "inputs": {"username": "svc", "password": "$encrypted$"},
        "summary_fields": {
            "credential_type": {"id": body.get("credential_type"), "name": "Machine", "description": ""},
            "created_by": user(), "modified_by": user(),
            "user_capabilities": {"edit": true, "delete": true, "use": true},
            "owners": [{"id": 1, "type": "organization", "name": "Default", "url": "/api/v2/organizations/1/"}],
        },
    })
}

fn credential_type(id: u64) -> Value {
    let url = format!("/api/v2/credential_types/{id}/");
    json!({
        "url": url, "related": related(&url, &["credentials", "activity_stream"], None), "managed": true,
        "summary_fields": {"user_capabilities": {"edit": false, "delete": false}}, "injectors": {},
        "inputs": {"fields": [
            {"id": "username", "label": "Username", "type": "string"},
            {"id": "password", "label": "Password", "type": "string", "secret": true, "ask_at_runtime": true},
        ], "required": ["username"]},
    })
}

fn node(body: &mut Map<String, Value>, id: u64) -> Value {
    let url = format!("/api/v2/workflow_job_template_nodes/{id}/");
    let job_type = body.remove("unified_job_type");
    let links = ["credentials", "labels", "instance_groups", "success_nodes", "failure_nodes", "always_nodes"];
    json!({
        "url": url, "related": related(&url, &links, None), "extra_data": {}, "scm_branch": null, "job_type": null,
        "job_tags": null, "skip_tags": null, "limit": null, "diff_mode": null, "verbosity": null,
        "success_nodes": [derived(id, 1, 1)],
        "failure_nodes": [], "always_nodes": [], "all_parents_must_converge": false,
        "identifier": format!("0f3c7a52-9d41-4c7e-8b1a-{id:012x}"),
        "summary_fields": {
            "workflow_job_template": {"id": body.get("workflow_job_template"), "name": "Provision", "description": ""},
            "unified_job_template": {"id": body.get("unified_job_template"), "name": "Patch", "description": "",
                                     "unified_job_type": job_type},
        },
    })
}
