//! Who exported, and what its server knows besides products: the small files of a manifest.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::authority::id_of;
use super::era::Era;
use super::json::add;
use super::{Authority, IdentityCertificate, Manifest};

/// The exporting consumer and its server.
#[derive(Clone, Debug)]
pub(super) struct Exporter {
    pub uuid: String,
    pub name: String,
    pub type_label: String,
    pub owner: String,
    pub content_access_mode: String,
    pub created: OffsetDateTime,
    pub principal: Option<String>,
    pub web: String,
    pub api: String,
    pub cdn_label: Option<String>,
    pub rules: Option<String>,
    pub types: Vec<(String, bool)>,
    pub distributor_versions: Vec<DistributorVersion>,
    pub cdns: Vec<Cdn>,
    /// `None` is the issuer's own choice, `Some(None)` no certificate.
    pub identity: Option<Option<IdentityCertificate>>,
    pub chained: bool,
}

#[derive(Clone, Debug)]
pub(super) struct DistributorVersion {
    pub name: String,
    pub display_name: String,
    pub capabilities: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Cdn {
    pub label: String,
    pub name: String,
    pub url: String,
}

impl Exporter {
    pub(super) fn new(era: Era) -> Self {
        Self {
            uuid: "0f6c2f0e-5b1c-4e0e-9f77-2f4d5a1c9b10".to_owned(),
            name: "lab-distributor".to_owned(),
            type_label: "candlepin".to_owned(),
            owner: "acme".to_owned(),
            content_access_mode: "entitlement".to_owned(),
            created: era.created(),
            principal: None,
            web: "upstream.example/subs/".to_owned(),
            api: "https://upstream.example/candlepin/consumers/".to_owned(),
            cdn_label: None,
            rules: era.rules().map(str::to_owned),
            types: vec![("system".to_owned(), false), ("candlepin".to_owned(), true)],
            distributor_versions: Vec::new(),
            cdns: Vec::new(),
            identity: None,
            chained: false,
        }
    }

    /// The text of the rules. Its first line tells the version, except in the first era.
    pub(super) fn rules_text(&self) -> String {
        let header = self.rules.as_ref().map(|version| format!("// Version: {version}\n")).unwrap_or_default();
        format!("{header}function preCreate() {{\n    return true;\n}}\n")
    }
}

impl Manifest {
    pub(super) fn date(&self, time: OffsetDateTime) -> Value {
        self.dates.json(time)
    }

    /// `created` and `updated`, as most objects have them: when they were made, which is not when they are exported. So
    /// what does not change is the same to the byte in a later manifest.
    pub(super) fn stamps(&self) -> Value {
        let created = self.date(self.era.created());
        json!({"created": created, "updated": created})
    }

    pub(super) fn stamped(&self, mut object: Value) -> Value {
        add(&mut object, self.stamps());
        object
    }

    pub(super) fn meta(&self) -> Value {
        let Exporter { principal, web, cdn_label, .. } = &self.exporter;
        let mut meta = json!({"version": self.era.exporter(), "created": self.date(self.exporter.created)});
        if self.era > Era::A || principal.is_some() {
            let web = (self.era == Era::B).then_some(web);
            let principal = principal.as_deref().unwrap_or("exporter");
            add(&mut meta, json!({"principalName": principal, "webAppPrefix": web}));
        }
        if self.era > Era::B || cdn_label.is_some() {
            add(&mut meta, json!({"cdnLabel": cdn_label}));
        }
        meta
    }

    pub(super) fn consumer(&self) -> Value {
        let exporter = &self.exporter;
        let mut consumer = json!({"uuid": exporter.uuid});
        if self.era > Era::A {
            let more = json!({
                "name": exporter.name, "type": self.consumer_type_json(&exporter.type_label),
                "owner": self.owner_json(), "urlWeb": exporter.web, "urlApi": exporter.api,
            });
            add(&mut consumer, more);
        }
        if self.era > Era::B {
            add(&mut consumer, json!({"contentAccessMode": exporter.content_access_mode}));
        }
        consumer
    }

    /// A type as the server knows it; one that it does not know is no manifest type.
    pub(super) fn consumer_type_json(&self, label: &str) -> Value {
        let manifest = self.exporter.types.iter().any(|(known, manifest)| known == label && *manifest);
        let id = id_of("type", label);
        match self.era {
            Era::A => self.stamped(json!({"id": id, "label": label})),
            Era::B | Era::C | Era::D => json!({"id": id, "label": label, "manifest": manifest}),
        }
    }

    pub(super) fn owner_json(&self) -> Value {
        let key = &self.exporter.owner;
        let mut owner = self.stamped(json!({
            "id": id_of("owner", key), "key": key, "displayName": key, "parentOwner": null, "contentPrefix": null,
            "defaultServiceLevel": null,
        }));
        let chained = self.exporter.chained.then(|| self.own_upstream_consumer());
        let more = match self.era {
            Era::A => json!({"upstreamUuid": null, "href": format!("/owners/{key}")}),
            Era::B => json!({"upstreamConsumer": chained, "href": format!("/owners/{key}")}),
            Era::C | Era::D => json!({
                "upstreamConsumer": chained, "logLevel": null, "autobindDisabled": false,
                "autobindHypervisorDisabled": false, "contentAccessMode": "entitlement",
                "contentAccessModeList": "entitlement,org_environment", "lastRefreshed": null,
            }),
        };
        add(&mut owner, more);
        owner
    }

    /// The consumer by which the exporter's own organisation got its pools.
    fn own_upstream_consumer(&self) -> Value {
        let uuid = "b7c1d2e3-0000-4e0e-9f77-2f4d5a1c9b11";
        let certificate = self.issuer.identity(uuid);
        self.stamped(json!({
            "id": id_of("upstream consumer", uuid), "uuid": uuid, "name": "first-in-chain",
            "ownerId": id_of("owner", &self.exporter.owner), "type": self.consumer_type_json("candlepin"),
            "webUrl": "first.example/subs/", "apiUrl": "https://first.example/consumers/",
            "contentAccessMode": "entitlement", "idCert": self.identity_json(&certificate),
        }))
    }

    /// The exporter's identity certificate, if it has one.
    pub(super) fn identity(&self) -> Option<IdentityCertificate> {
        match &self.exporter.identity {
            Some(given) => given.clone(),
            None => Some(self.own_identity(&self.issuer)),
        }
    }

    fn own_identity(&self, issuer: &Authority) -> IdentityCertificate {
        let identity = issuer.identity(&self.exporter.uuid).name(&self.exporter.name);
        if self.era > Era::B { identity.owner(&self.exporter.owner) } else { identity }
    }

    pub(super) fn identity_json(&self, identity: &IdentityCertificate) -> Value {
        let serial = identity.serial_number();
        self.stamped(json!({
            "id": id_of("identity", &serial.to_string()), "key": identity.key().pem(self.era.key_form()),
            "cert": identity.certificate().pem(), "serial": self.serial_json(serial, identity.expiration()),
        }))
    }

    pub(super) fn serial_json(&self, serial: i64, expiration: OffsetDateTime) -> Value {
        self.stamped(json!({
            "id": serial, "serial": serial, "expiration": self.date(expiration), "revoked": false, "collected": false,
        }))
    }

    pub(super) fn distributor_version_json(&self, version: &DistributorVersion) -> Value {
        let DistributorVersion { name, display_name, capabilities } = version;
        let capability = |name: &String| json!({"id": id_of("capability", name), "name": name});
        self.stamped(json!({
            "id": id_of("distributor version", name), "name": name, "displayName": display_name,
            "capabilities": capabilities.iter().map(capability).collect::<Vec<_>>(),
        }))
    }

    pub(super) fn cdn_json(&self, Cdn { label, name, url }: &Cdn) -> Value {
        self.stamped(json!({
            "id": id_of("cdn", label), "label": label, "name": name, "url": url, "certificate": null,
        }))
    }

    /// The upstream consumer as the design of 2012 has it in a data bundle.
    pub(super) fn upstream_consumer_json(&self) -> Value {
        let exporter = &self.exporter;
        self.stamped(json!({
            "id": id_of("upstream consumer", &exporter.uuid), "uuid": exporter.uuid, "name": exporter.name,
            "type": self.consumer_type_json(&exporter.type_label), "ownerId": id_of("owner", &exporter.owner),
            "prefixUrlWeb": exporter.web, "prefixUrlApi": exporter.api,
        }))
    }
}
