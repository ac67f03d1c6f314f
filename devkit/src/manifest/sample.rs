//! A manifest with some of everything.

use super::{Content, Entitlement, Era, Manifest, Product};

impl Manifest {
    /// Two SKUs, three engineering products and two entitlements, one of them with guests and, from the third era on,
    /// a branding; a distributor version and a CDN where the era has them.
    pub fn sample(era: Era) -> Self {
        let manifest = Self::new(era)
            .product(engine("901", "Example Engine", "example-engine-rpms"))
            .product(engine("902", "Example Tools", "example-tools-rpms").dependent("901").relies_on("901"))
            .product(engine("903", "Example Guest", "example-guest-rpms"))
            .product(sku("EX-SKU-1", "Example Suite").provides(&["901", "902"]).derived("EX-SKU-2"))
            .product(sku("EX-SKU-2", "Example Guests").provides(&["903"]))
            .entitlement(suite())
            .entitlement(guests());
        match era {
            Era::A => manifest,
            Era::B | Era::C | Era::D => manifest
                .distributor_version("lab-1", "Lab 1", &["cert_v3", "derived_product"])
                .cdn("main", "Main CDN", "https://cdn.example")
                .cdn_label("main"),
        }
    }
}

fn engine(id: &str, name: &str, label: &str) -> Product {
    let rpms = Content::new(&format!("{id}01"), label).required_tags("engine").release("2");
    let sources = Content::new(&format!("{id}02"), &format!("{label}-source")).disabled().gpg_url(None);
    Product::new(id, name).attribute("arch", "x86_64").attribute("version", "2.0").content(rpms).content(sources)
}

fn sku(id: &str, name: &str) -> Product {
    Product::new(id, name)
        .attribute("arch", "x86_64")
        .attribute("support_level", "Gold")
        .attribute("virt_limit", "4")
        .multiplier(2)
}

fn suite() -> Entitlement {
    Entitlement::new("4c9e0b7a1d2f4f0f8b6a5d4c3b2a1908", "77aa0c1e5d3b4b2f9e8d7c6b5a493827", "EX-SKU-1")
        .quantity(12)
        .contract("CON-5")
        .account("ACC-9")
        .order("ORD-7")
        .branding("901", "Example Engine OEM", "OS")
}

fn guests() -> Entitlement {
    Entitlement::new("4c9e0b7a1d2f4f0f8b6a5d4c3b2a1909", "77aa0c1e5d3b4b2f9e8d7c6b5a493828", "EX-SKU-2")
        .quantity(3)
        .contract("CON-6")
        .account("ACC-9")
        .order("ORD-8")
}
