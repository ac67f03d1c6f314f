//! Names and texts as people give them.

use std::fmt::Write as _;

use fastrand::Rng;

const VERBS: &[&str] = &[
    "Patch",
    "Reboot",
    "Provision",
    "Decommission",
    "Harden",
    "Back up",
    "Restore",
    "Upgrade",
    "Audit",
    "Configure",
    "Deploy",
    "Roll back",
    "Rotate certificates on",
    "Resize",
    "Register",
    "Clean up logs on",
    "Fail over",
    "Monitor",
];
const SYSTEMS: &[&str] = &[
    "RHEL web",
    "RHEL 8 database",
    "Windows file",
    "PostgreSQL",
    "Oracle",
    "SAP HANA",
    "OpenShift worker",
    "F5 edge",
    "Cisco access",
    "build",
    "LDAP",
    "mail relay",
    "Kafka",
    "Jenkins",
    "VMware guest",
    "AWS EC2",
    "Azure",
    "monitoring",
    "backup",
    "DNS",
    "payment",
    "Zürich trading",
    "São Paulo store",
];
const GROUPS: &[&str] = &["servers", "hosts", "clusters", "nodes", "appliances", "instances", "switches"];
const REGIONS: &[&str] =
    &["EMEA", "APAC", "LATAM", "US East", "US West", "DACH", "UK", "Nordics", "Łódź", "東京", "DC1", "DC2", "DMZ"];
const STAGES: &[&str] = &["", "", "", " - prod", " - staging", " - test", " - DEV", " (do not use)", " v2"];
const TEAMS: &[&str] = &[
    "Platform",
    "Unix",
    "Windows",
    "Network",
    "Database",
    "Security",
    "SAP Basis",
    "Cloud",
    "Middleware",
    "Service desk",
];
const WHEN: &[&str] = &[
    "Runs in the monthly maintenance window.",
    "Only after the change has been approved.",
    "Safe to run at any time.",
    "Takes about twenty minutes for a hundred machines.",
    "Reboots every machine, one at a time.",
    "Asks for the ticket number, which ends up in the report.",
    "See the run book under \"Operations\\Patching\" before the first use.",
];
/// Name, kind and namespace of Tower's own credential types.
const TYPES: &[(&str, &str, &str)] = &[
    ("Machine", "ssh", "ssh"),
    ("Source Control", "scm", "scm"),
    ("Vault", "vault", "vault"),
    ("Network", "net", "net"),
    ("Amazon Web Services", "cloud", "aws"),
    ("OpenStack", "cloud", "openstack"),
    ("VMware vCenter", "cloud", "vmware"),
    ("Red Hat Satellite 6", "cloud", "satellite6"),
    ("Google Compute Engine", "cloud", "gce"),
    ("Microsoft Azure Resource Manager", "cloud", "azure_rm"),
    ("GitHub Personal Access Token", "token", "github_token"),
    ("HashiCorp Vault Secret Lookup", "external", "hashivault_kv"),
    ("Insights", "insights", "insights"),
    ("OpenShift or Kubernetes API Bearer Token", "kubernetes", "kubernetes_bearer_token"),
];

fn pick<'a>(rng: &mut Rng, words: &[&'a str]) -> &'a str {
    words[rng.usize(..words.len())]
}

fn fleet(rng: &mut Rng) -> String {
    format!("{} {} ({})", pick(rng, SYSTEMS), pick(rng, GROUPS), pick(rng, REGIONS))
}

pub(super) fn template_name(rng: &mut Rng) -> String {
    format!("{} {}{}", pick(rng, VERBS), fleet(rng), pick(rng, STAGES))
}

pub(super) fn workflow_name(rng: &mut Rng) -> String {
    let (first, then) = (pick(rng, VERBS), pick(rng, VERBS).to_lowercase());
    format!("{first} and {then} {}{}", fleet(rng), pick(rng, STAGES))
}

pub(super) fn inventory_name(rng: &mut Rng) -> String {
    format!("{} {}{}", pick(rng, TEAMS), fleet(rng), pick(rng, STAGES))
}

pub(super) fn credential_name(rng: &mut Rng) -> String {
    let account =
        pick(rng, &["svc-ansible", "root", "deploy key", "read only", "API token", "vault password", "domain admin"]);
    format!("{} {account} {} {}", pick(rng, TEAMS), pick(rng, REGIONS), rng.u16(..))
}

/// Name, kind and namespace: first Tower's own types, then those of the company, which have no namespace.
pub(super) fn credential_type(index: usize, rng: &mut Rng) -> (String, String, Option<String>) {
    if let Some((name, kind, namespace)) = TYPES.get(index) {
        return ((*name).to_owned(), (*kind).to_owned(), Some((*namespace).to_owned()));
    }
    let system = pick(rng, SYSTEMS);
    (format!("{} {system} API {index}", pick(rng, TEAMS)), "cloud".to_owned(), None)
}

/// One in six has no description; some have two lines.
pub(super) fn description(rng: &mut Rng) -> String {
    if rng.u8(..6) == 0 {
        return String::new();
    }
    let mut text = format!("{} {}. Owner: {} team.", pick(rng, VERBS), fleet(rng), pick(rng, TEAMS));
    for _ in 0..rng.u8(..2) {
        text.push(if rng.u8(..8) == 0 { '\n' } else { ' ' });
        text.push_str(pick(rng, WHEN));
    }
    text
}

/// The variables of an inventory as YAML.
pub(super) fn variables(rng: &mut Rng) -> String {
    const KEYS: &[&str] = &["ntp_server", "proxy_url", "ansible_user", "patch_window", "log_host", "domain", "contact"];
    let mut text = "---\n".to_owned();
    for _ in 0..rng.usize(2..9) {
        let (key, n) = (pick(rng, KEYS), rng.u16(..1000));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{key}_{n}: {}-{n}.example.com", key.replace('_', "-"));
    }
    let _ = writeln!(text, "regions:\n  - {}\n  - {}", pick(rng, REGIONS), pick(rng, REGIONS));
    text
}

pub(super) fn survey_name(rng: &mut Rng, template: &str) -> String {
    // Newer Towers have no field for it and send an empty name.
    if rng.u8(..3) == 0 { String::new() } else { format!("Before you run {template}") }
}
