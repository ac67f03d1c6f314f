//! All sorts of events, from which their schemas in `docs/events` are made: when they are told, and what they say.

use serde_json::{Map, Value, json};

/// Whose an event can be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// An owner's.
    Owner,
    /// A tenant's.
    Tenant,
    /// An owner's, or nobody's.
    Anybody,
}

/// One sort of events.
#[derive(Clone)]
pub struct Sort {
    pub target: &'static str,
    pub change: &'static str,
    pub whose: Whose,
    /// When it is told.
    pub when: &'static str,
    /// The schema of `eventData`.
    pub data: Value,
}

impl Sort {
    /// `product.created`, ..: the type of the CloudEvent without its prefix, and the name of its file.
    pub fn name(&self) -> String {
        format!("{}.{}", self.target, self.change).to_lowercase()
    }

    /// The keys of `eventData`, those in brackets that are not always there.
    pub fn keys(&self) -> String {
        let required = self.data["required"].as_array().unwrap();
        let key = |key: &String| if required.contains(&json!(key)) { format!("`{key}`") } else { format!("[`{key}`]") };
        self.data["properties"].as_object().unwrap().keys().map(key).collect::<Vec<_>>().join(", ")
    }

    /// The schema, without an example.
    pub fn schema(&self) -> Value {
        let sort = format!("longshore.{}", self.name());
        let mut data = json!({"properties": {
            "type": {"const": self.change}, "target": {"const": self.target}, "eventData": self.data,
        }});
        match self.whose {
            Whose::Owner => data["required"] = json!(["ownerKey"]),
            Whose::Tenant => data["required"] = json!(["tenant"]),
            Whose::Anybody => data["not"] = json!({"required": ["tenant"]}),
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": sort,
            "description": self.when,
            "allOf": [{"$ref": "envelope.json"}],
            "properties": {"type": {"const": sort}, "data": data},
        })
    }
}

/// All of them, in the order of the table in `docs/events/README.md`.
pub fn sorts() -> Vec<Sort> {
    [consumer_types(), rules(), products(), subscriptions(), pools(), owners(), exports(), refreshes()]
        .into_iter()
        .flatten()
        .collect()
}

type Field = (&'static str, Value);

fn of(target: &'static str, change: &'static str, when: &'static str, data: Value) -> Sort {
    Sort { target, change, whose: Whose::Owner, when, data }
}

/// An object that has these keys, may have those, and no other.
fn object(required: &[Field], optional: &[Field]) -> Value {
    let properties: Map<String, Value> =
        required.iter().chain(optional).map(|(key, schema)| ((*key).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = required.iter().map(|(key, _)| *key).collect();
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn text_or_null(description: &str) -> Value {
    json!({"type": ["string", "null"], "description": description})
}

fn count(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

fn quantity() -> Field {
    ("quantity", json!({"type": "integer", "description": "how many there are; of a pool, -1 for any number"}))
}

fn product_id() -> Field {
    ("productId", text("the product's id"))
}

/// The names of what changed, where all of them are known.
fn changed_of(names: &[&str]) -> Field {
    ("changed", json!({"$ref": "envelope.json#/$defs/changed", "items": {"enum": names}}))
}

fn changed() -> Field {
    ("changed", json!({"$ref": "envelope.json#/$defs/changed"}))
}

fn counts() -> Value {
    json!({"$ref": "envelope.json#/$defs/counts"})
}

fn consumer_types() -> Vec<Sort> {
    let manifest = json!({"type": "boolean", "description": "whether such consumers have manifests"});
    let data = || object(&[("label", text("its label")), ("manifest", manifest.clone())], &[]);
    vec![
        of("CONSUMER_TYPE", "CREATED", "An import brought a consumer type that was not there", data()),
        of("CONSUMER_TYPE", "MODIFIED", "An import brought a consumer type that says something else", data()),
        of("CONSUMER_TYPE", "DELETED", "An import left a consumer type that nothing uses any more", data()),
    ]
}

fn rules() -> Vec<Sort> {
    let version = ("version", text("the version of the rules that are here now"));
    let replaced = ("replaced", text_or_null("the version of those that were here before; null for the first ones"));
    let when = "An import brought higher rules, or `setup` replaced them; they are everybody's, so those of `setup` have no owner";
    vec![Sort { whose: Whose::Anybody, ..of("RULES", "MODIFIED", when, object(&[version, replaced], &[])) }]
}

fn products() -> Vec<Sort> {
    let parts = changed_of(&["name", "attributes", "content", "products", "certificate"]);
    vec![
        of("PRODUCT", "CREATED", "A product is new, by an import or by `setup`", object(&[product_id()], &[])),
        of(
            "PRODUCT",
            "MODIFIED",
            "A product, its content sets or the products that come with it have changed; `changed` is there for imports",
            object(&[product_id()], &[parts]),
        ),
        of("PRODUCT", "DELETED", "A product is gone, by an import or an undo", object(&[product_id()], &[])),
    ]
}

fn subscriptions() -> Vec<Sort> {
    let upstream = |what: &str| text_or_null(&format!("the id of the {what} that it was made from, on the other side"));
    let fields = || {
        let pool = ("upstreamPoolId", upstream("pool"));
        [product_id(), quantity(), pool, ("upstreamEntitlementId", upstream("entitlement"))]
    };
    let modified = [&fields()[..], &[changed()]].concat();
    vec![
        of(
            "SUBSCRIPTION",
            "CREATED",
            "An import brought an entitlement, which became a subscription",
            object(&fields(), &[]),
        ),
        of(
            "SUBSCRIPTION",
            "MODIFIED",
            "An import changed a subscription; `changed` names its columns",
            object(&modified, &[]),
        ),
        of("SUBSCRIPTION", "DELETED", "A subscription is gone, by an import or an undo", object(&fields(), &[])),
        of(
            "SUBSCRIPTION",
            "EXPIRED",
            "A subscription that an import brought, changed, or took the pools of, is over already",
            object(&[product_id(), quantity()], &[]),
        ),
    ]
}

/// Pools of imports name their subscription; of those that were made here, and of what is taken from any, the product is said.
fn pool(always: &[Field], sometimes: &[Field]) -> Value {
    let subscription = ("subscriptionId", text("the subscription that it was made from"));
    let key = ("subscriptionSubKey", text("which of the subscription's pools it is: `master`, ..."));
    let required = [&[("poolType", text("`NORMAL`, `BONUS`, ...")), quantity()], always].concat();
    let mut data = object(&required, &[&[subscription, key, product_id()], sometimes].concat());
    data["oneOf"] = json!([{"required": ["subscriptionId", "subscriptionSubKey"]}, {"required": ["productId"]}]);
    data["dependentRequired"] = json!({"subscriptionSubKey": ["subscriptionId"]});
    data
}

fn pools() -> Vec<Sort> {
    let when = "A pool has changed, or something was taken from it or given back; `changed` names its columns, but for a pool \
                that `setup` changed";
    vec![
        of(
            "POOL",
            "CREATED",
            "A pool is new: an import's has a subscription, one of `setup` a product",
            pool(&[], &[]),
        ),
        of("POOL", "MODIFIED", when, pool(&[], &[changed()])),
        of("POOL", "DELETED", "A pool is gone, by an import or an undo", pool(&[], &[])),
    ]
}

fn owners() -> Vec<Sort> {
    let removed = [
        ("pools", count("pools that are gone")),
        ("subscriptions", count("subscriptions that are gone")),
        ("products", count("products that are gone")),
    ];
    let when = "What an owner is entitled to has changed, by an import or an undo: once, after all of it was told";
    [
        vec![of(
            "OWNER_ENTITLEMENTS",
            "MODIFIED",
            when,
            object(&[("subscriptions", counts()), ("pools", counts())], &[]),
        )],
        upstream_consumers(),
        vec![
            of("IMPORT", "CREATED", "A manifest was imported, and it was not the one that was imported last", import()),
            of("IMPORT", "DELETED", "An owner's imports were undone", object(&removed, &[])),
        ],
    ]
    .concat()
}

fn upstream_consumers() -> Vec<Sort> {
    let uuid = || ("uuid", text("the consumer's uuid on the other side"));
    let expires = json!({"type": "string", "format": "date-time", "description": "when the certificate ends"});
    let over = json!({"type": "boolean", "description": "whether it has ended"});
    let parts = changed_of(&["name", "type", "webUrl", "apiUrl", "contentAccessMode", "idCert"]);
    vec![
        of(
            "UPSTREAM_CONSUMER",
            "CREATED",
            "An owner is linked to another upstream consumer",
            object(&[uuid(), ("type", text("the label of its consumer type"))], &[]),
        ),
        of(
            "UPSTREAM_CONSUMER",
            "MODIFIED",
            "An import says something else of the owner's upstream consumer",
            object(&[uuid(), parts], &[]),
        ),
        of("UPSTREAM_CONSUMER", "DELETED", "An owner is no longer linked to it", object(&[uuid()], &[])),
        of(
            "UPSTREAM_CONSUMER",
            "EXPIRED",
            "The identity certificate of the owner's upstream consumer will be over within 30 days, or is over: once each; time \
             to have a new manifest made",
            object(&[uuid(), ("expires", expires), ("over", over)], &[]),
        ),
    ]
}

fn import() -> Value {
    let created = json!({
        "type": "string", "format": "date-time", "description": "when the other side made the manifest",
    });
    let forced = json!({
        "type": "array", "items": {"type": "string"}, "description": "names of the conflicts that were forced",
    });
    let tables = json!({
        "type": "object",
        "propertyNames": {"enum": [
            "products", "contents", "certificates", "subscriptions", "pools", "consumer_types", "distributor_versions",
            "content_delivery_networks", "rules",
        ]},
        "additionalProperties": counts(),
        "description": "what became of the objects of each kind",
    });
    object(
        &[
            ("fileName", text_or_null("the name of the file that was uploaded")),
            ("upstreamUuid", text("the uuid of the consumer whose manifest it is")),
            ("manifestCreated", created),
            ("forced", forced),
            ("stats", tables),
        ],
        &[],
    )
}

fn exports() -> Vec<Sort> {
    let sha256 = json!({"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "the archive's SHA-256"});
    let data = object(
        &[
            ("location", text_or_null("where the archive is: an s3:// URL; null where it was the answer to a request")),
            ("entitlements", count("entitlements in it")),
            ("format", json!({"enum": ["zip", "tar"]})),
            ("sha256", sha256),
        ],
        &[],
    );
    vec![of("EXPORT", "CREATED", "The manifest of a distributor was made; `entityId` is the distributor's uuid", data)]
}

fn refreshes() -> Vec<Sort> {
    let number = || json!({"type": "integer", "minimum": 0});
    let stats = json!({
        "type": "object",
        "propertyNames": {"enum": [
            "credential_types", "credentials", "inventories", "service_offering", "service_offering_nodes", "service_plans",
        ]},
        "additionalProperties": object(&[("adds", number()), ("updates", number()), ("deletes", number())], &[]),
        "description": "rows that appeared, changed and were archived, of each table",
    });
    let mode =
        json!({"enum": ["full", "incremental", "older incremental"], "description": "how the archive was applied"});
    let when = "A Tower's archive changed something in the inventory; `entityId` is the source";
    let data = object(&[("mode", mode), ("stats", stats)], &[]);
    vec![Sort { whose: Whose::Tenant, ..of("INVENTORY_REFRESH", "MODIFIED", when, data) }]
}
