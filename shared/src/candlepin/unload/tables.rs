//! The tables that are written by COPY.

/// A table, with the columns in the order in which their values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bulk {
    Contents,
    Products,
    Attributes,
    ProductContents,
    Dependent,
    Reliance,
    Provided,
    ProductCertificates,
    Serials,
    Certificates,
}

impl Bulk {
    pub const COUNT: usize = 10;

    pub const ALL: [Self; Self::COUNT] = [
        Self::Contents,
        Self::Products,
        Self::Attributes,
        Self::ProductContents,
        Self::Dependent,
        Self::Reliance,
        Self::Provided,
        Self::ProductCertificates,
        Self::Serials,
        Self::Certificates,
    ];

    /// Whose rows have to be there before this table's, by a foreign key.
    pub const fn refers_to(self) -> Option<Self> {
        match self {
            Self::Certificates => Some(Self::Serials),
            _ => None,
        }
    }

    pub const fn table(self) -> &'static str {
        match self {
            Self::Contents => "cp_contents",
            Self::Products => "cp_products",
            Self::Attributes => "cp_product_attributes",
            Self::ProductContents => "cp_product_contents",
            Self::Dependent => "cp_product_dependent_products",
            Self::Reliance => "cp_product_reliance",
            Self::Provided => "cp_product_provided_products",
            Self::ProductCertificates => "cp_product_certificates",
            Self::Serials => "cp_cert_serial",
            Self::Certificates => "cp_certificate",
        }
    }

    pub const fn columns(self) -> &'static str {
        match self {
            Self::Contents => {
                "uuid, owner_id, managed, created, updated, digest, content_id, label, name, type, vendor, contenturl, \
                 gpgurl, requiredtags, releasever, arches, metadataexpire, modified_product_ids"
            }
            Self::Products => {
                "uuid, owner_id, managed, created, updated, digest, source, product_id, name, multiplier, \
                 derived_product_uuid"
            }
            Self::Attributes => "product_uuid, name, value",
            Self::ProductContents => "product_uuid, content_uuid, enabled",
            Self::Dependent | Self::Reliance => "product_uuid, product_id",
            Self::Provided => "product_uuid, provided_product_uuid",
            Self::ProductCertificates => "product_uuid, cert, x509_serial, expiration",
            Self::Serials => "id, x509_serial, expiration, created, updated",
            Self::Certificates => {
                "id, cert, privatekey, privatekey_key_id, digest, subject_cn, serial_id, created, updated"
            }
        }
    }

    /// How many columns that is.
    pub const fn width(self) -> i16 {
        match self {
            Self::Contents => 18,
            Self::Products => 11,
            Self::Attributes | Self::ProductContents => 3,
            Self::Dependent | Self::Reliance | Self::Provided => 2,
            Self::ProductCertificates => 4,
            Self::Serials => 5,
            Self::Certificates => 9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_as_many_columns_as_it_is_wide() {
        for table in Bulk::ALL {
            assert_eq!(table.columns().split(',').count(), table.width() as usize, "{}", table.table());
        }
        assert!(Bulk::ALL.iter().enumerate().all(|(index, table)| *table as usize == index));
    }
}
