//! Products and their content, as rows of a test.

/// A product: an engineering product when its id is all digits, otherwise a SKU.
///
/// ```
/// use longshore_devkit::manifest::{Content, Product};
///
/// let engine = Product::new("901", "Example Engine")
///     .attribute("arch", "x86_64")
///     .content(Content::new("90101", "example-engine-rpms").required_tags("engine"));
/// let suite = Product::new("EX-SKU-1", "Example Suite").provides(&["901"]);
/// # let _ = (engine, suite);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) multiplier: i64,
    pub(super) attributes: Vec<(String, Option<String>)>,
    pub(super) content: Vec<Content>,
    pub(super) dependent: Vec<String>,
    pub(super) relies_on: Vec<String>,
    pub(super) provides: Vec<String>,
    pub(super) derived: Option<String>,
}

impl Product {
    /// A product without attributes and content.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            multiplier: 1,
            attributes: Vec::new(),
            content: Vec::new(),
            dependent: Vec::new(),
            relies_on: Vec::new(),
            provides: Vec::new(),
            derived: None,
        }
    }

    /// Adds an attribute.
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// Adds an attribute whose value is null.
    pub fn null_attribute(mut self, name: &str) -> Self {
        self.attributes.push((name.to_owned(), None));
        self
    }

    /// The number of units in one piece; 1 unless told otherwise.
    pub fn multiplier(mut self, n: i64) -> Self {
        self.multiplier = n;
        self
    }

    /// Adds content.
    pub fn content(mut self, content: Content) -> Self {
        self.content.push(content);
        self
    }

    /// Adds a product on which this one depends.
    pub fn dependent(mut self, id: &str) -> Self {
        self.dependent.push(id.to_owned());
        self
    }

    /// Adds a product on which this one relies; only the second era writes it.
    pub fn relies_on(mut self, id: &str) -> Self {
        self.relies_on.push(id.to_owned());
        self
    }

    /// The engineering products that a SKU provides. The last two eras nest them here, all eras list them in pools.
    pub fn provides(mut self, ids: &[&str]) -> Self {
        self.provides = owned(ids);
        self
    }

    /// The SKU for guests.
    pub fn derived(mut self, id: &str) -> Self {
        self.derived = Some(id.to_owned());
        self
    }

    /// Whether it is an engineering product, which has a certificate.
    pub(super) fn is_engineering(&self) -> bool {
        is_digits(&self.id)
    }

    pub(super) fn attribute_value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name)?.1.as_deref()
    }
}

/// A content set of a product, enabled.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) vendor: Option<String>,
    pub(super) url: Option<String>,
    pub(super) gpg_url: Option<String>,
    pub(super) required_tags: Option<String>,
    pub(super) release: Option<String>,
    pub(super) arches: Option<String>,
    pub(super) modified: Vec<String>,
    pub(super) expires: Option<i64>,
    pub(super) enabled: bool,
}

impl Content {
    /// A yum repository with a path and a GPG key, whose metadata expire after a day.
    pub fn new(id: &str, label: &str) -> Self {
        Self {
            id: id.to_owned(),
            label: label.to_owned(),
            kind: "yum".to_owned(),
            name: format!("Content {label}"),
            vendor: Some("Example".to_owned()),
            url: Some(format!("/content/{label}/$releasever/os")),
            gpg_url: Some("/keys/example.gpg".to_owned()),
            required_tags: None,
            release: None,
            arches: Some("x86_64".to_owned()),
            modified: Vec::new(),
            expires: Some(86_400),
            enabled: true,
        }
    }

    /// `yum`, `file`, `kickstart` or another type.
    pub fn kind(mut self, kind: &str) -> Self {
        self.kind = kind.to_owned();
        self
    }

    /// Its name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Its vendor; the world has blank ones too.
    pub fn vendor<'a>(mut self, vendor: impl Into<Option<&'a str>>) -> Self {
        self.vendor = vendor.into().map(str::to_owned);
        self
    }

    /// Its path below the CDN.
    pub fn url<'a>(mut self, url: impl Into<Option<&'a str>>) -> Self {
        self.url = url.into().map(str::to_owned);
        self
    }

    /// The path of the key of its packages.
    pub fn gpg_url<'a>(mut self, url: impl Into<Option<&'a str>>) -> Self {
        self.gpg_url = url.into().map(str::to_owned);
        self
    }

    /// Tags, with commas between them.
    pub fn required_tags(mut self, tags: &str) -> Self {
        self.required_tags = Some(tags.to_owned());
        self
    }

    /// Its release: `releaseVer`, later `releaseVersion`.
    pub fn release(mut self, release: &str) -> Self {
        self.release = Some(release.to_owned());
        self
    }

    /// Architectures, with commas between them. The first era does not write them.
    pub fn arches<'a>(mut self, arches: impl Into<Option<&'a str>>) -> Self {
        self.arches = arches.into().map(str::to_owned);
        self
    }

    /// The products that it modifies.
    pub fn modified_products(mut self, ids: &[&str]) -> Self {
        self.modified = owned(ids);
        self
    }

    /// How long its metadata hold, in seconds: `metadataExpire`, later `metadataExpiration`.
    pub fn metadata_expire(mut self, seconds: impl Into<Option<i64>>) -> Self {
        self.expires = seconds.into();
        self
    }

    /// Leaves it off by default.
    pub fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }
}

pub(super) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn is_digits(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}
