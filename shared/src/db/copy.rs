//! Rows as PostgreSQL's binary COPY format, and COPY itself.

use super::DbError;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use std::pin::Pin;
use time::PrimitiveDateTime;
use time::macros::datetime;
use tokio_postgres::{CopyInSink, Transaction};
use uuid::Uuid;

/// Writes the tuples of a table into a buffer, without COPY's header and trailer: for each a number of columns, then as
/// many values in their order, each a length and its bytes.
pub struct Tuple<'b>(&'b mut BytesMut);

impl<'b> Tuple<'b> {
    /// Begins a tuple of `columns` values at the end of `buffer`.
    pub fn new(buffer: &'b mut BytesMut, columns: i16) -> Self {
        buffer.put_i16(columns);
        Self(buffer)
    }

    /// Writes values alone, for [`Tuple::encoded`]: what is written is digested first, or compared.
    pub fn values(buffer: &'b mut BytesMut) -> Self {
        Self(buffer)
    }

    /// Values that [`Tuple::values`] wrote, as they are.
    pub fn encoded(&mut self, values: &[u8]) {
        self.0.put_slice(values);
    }

    fn value(&mut self, bytes: &[u8]) {
        // What is written here was read within a limit of at most a gigabyte, far below what an i32 counts.
        self.0.put_i32(bytes.len() as i32);
        self.0.put_slice(bytes);
    }

    /// NULL.
    pub fn null(&mut self) {
        self.0.put_i32(-1);
    }

    /// A `boolean`.
    pub fn bool(&mut self, value: bool) {
        self.value(&[u8::from(value)]);
    }

    /// An `integer`.
    pub fn int4(&mut self, value: i32) {
        self.value(&value.to_be_bytes());
    }

    /// A `bigint`, or microseconds since 2000 for a `timestamp`.
    pub fn int8(&mut self, value: i64) {
        self.value(&value.to_be_bytes());
    }

    /// A `uuid`.
    pub fn uuid(&mut self, value: Uuid) {
        self.value(value.as_bytes());
    }

    /// A `text` or `varchar`, without U+0000.
    pub fn text(&mut self, value: &str) {
        self.value(value.as_bytes());
    }

    /// A `bytea`.
    pub fn bytea(&mut self, value: &[u8]) {
        self.value(value);
    }

    /// A `timestamp` without zone: microseconds since 2000.
    pub fn timestamp(&mut self, value: PrimitiveDateTime) {
        let since = value - datetime!(2000-01-01 0:00);
        // Ten thousand years of microseconds are a thirtieth of what an i64 counts.
        self.int8(since.whole_microseconds() as i64);
    }

    /// jsonb's version, then its text.
    pub fn jsonb(&mut self, json: &[u8]) {
        self.0.put_i32(json.len() as i32 + 1);
        self.0.put_u8(1);
        self.0.put_slice(json);
    }

    /// A whole number as text.
    pub fn decimal(&mut self, number: i64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            at -= 1;
            digits[at] = b'-';
        }
        self.value(&digits[at..]);
    }

    /// A `text[]`, without NULLs.
    pub fn text_array<'t>(&mut self, texts: impl Iterator<Item = &'t str>) {
        const TEXT_OID: i32 = 25;
        let length_at = self.0.len();
        self.0.put_i32(0); // the length, once it is known
        self.0.put_i32(1); // dimensions
        self.0.put_i32(0); // no element is null
        self.0.put_i32(TEXT_OID);
        let count_at = self.0.len();
        self.0.put_i32(0); // elements, once they are counted
        self.0.put_i32(1); // the first one's index
        let mut count = 0_i32;
        for text in texts {
            self.value(text.as_bytes());
            count += 1;
        }
        let length = (self.0.len() - length_at - 4) as i32;
        self.0[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
        self.0[count_at..count_at + 4].copy_from_slice(&count.to_be_bytes());
    }

    /// A `text`, or NULL.
    pub fn optional_text(&mut self, value: Option<&str>) {
        self.optional(value, Self::text);
    }

    /// A `bigint`, or NULL.
    pub fn optional_int8(&mut self, value: Option<i64>) {
        self.optional(value, Self::int8);
    }

    /// Writes a value with `write`, or NULL: `row.optional(start, Tuple::timestamp)`.
    pub fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }
}

/// COPY into one table after another.
///
/// The COPY of a table stays open until rows of another come, or until [`Copier::finish`].
pub struct Copier<'t> {
    transaction: &'t Transaction<'t>,
    open: Option<Copy>,
}

impl<'t> Copier<'t> {
    /// Nothing is sent yet.
    pub fn new(transaction: &'t Transaction<'t>) -> Self {
        Self { transaction, open: None }
    }

    /// Sends rows that [`Tuple`] wrote. `columns` are separated by commas.
    ///
    /// # Errors
    /// Those of the database, of rows sent earlier too; then the transaction is lost.
    pub async fn send(&mut self, table: &'static str, columns: &'static str, rows: Bytes) -> Result<(), DbError> {
        let copy = match self.open.take() {
            Some(copy) if copy.table == table => copy,
            other => {
                if let Some(copy) = other {
                    copy.finish().await?;
                }
                Copy::start(self.transaction, table, columns).await?
            }
        };
        self.open.insert(copy).sink.send(rows).await?;
        Ok(())
    }

    /// Ends the COPY that is open, so that other statements can run. More rows may follow.
    ///
    /// # Errors
    /// As [`Copier::send`].
    pub async fn finish(&mut self) -> Result<(), DbError> {
        match self.open.take() {
            Some(copy) => copy.finish().await,
            None => Ok(()),
        }
    }
}

/// One COPY under way.
struct Copy {
    table: &'static str,
    sink: Pin<Box<CopyInSink<Bytes>>>,
}

impl Copy {
    async fn start(transaction: &Transaction<'_>, table: &'static str, columns: &str) -> Result<Self, DbError> {
        let statement = format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)");
        let mut sink = Box::pin(transaction.copy_in::<_, Bytes>(&statement).await?);
        let mut header = BytesMut::with_capacity(19);
        header.put_slice(b"PGCOPY\n\xff\r\n\0");
        header.put_i32(0); // flags
        header.put_i32(0); // length of the header's extension
        sink.feed(header.freeze()).await?;
        Ok(Self { table, sink })
    }

    async fn finish(mut self) -> Result<(), DbError> {
        self.sink.feed(Bytes::from_static(&[0xff, 0xff])).await?; // a tuple of -1 columns ends the data
        self.sink.as_mut().finish().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::types::{Json, ToSql, Type};

    /// What the driver sends for the same value as a parameter.
    fn parameter(value: &(dyn ToSql + Sync), sql_type: &Type) -> Vec<u8> {
        let mut value_bytes = BytesMut::new();
        let is_null = value.to_sql_checked(sql_type, &mut value_bytes).unwrap();
        let length = if matches!(is_null, tokio_postgres::types::IsNull::Yes) { -1 } else { value_bytes.len() as i32 };
        [&length.to_be_bytes()[..], &value_bytes].concat()
    }

    fn written(write: impl FnOnce(&mut Tuple<'_>)) -> Vec<u8> {
        let mut buffer = BytesMut::new();
        write(&mut Tuple::new(&mut buffer, 1));
        assert_eq!(buffer[..2], [0, 1]);
        buffer[2..].to_vec()
    }

    #[test]
    fn values_are_written_as_the_driver_sends_them() {
        let id = Uuid::from_u128(7);
        let before_2000 = datetime!(1999-12-31 23:59:59.999999);
        let texts = vec!["a", "", "é"];
        let object = serde_json::json!({"a": 1});
        let none = Option::<&str>::None;
        let pairs: [(Vec<u8>, Vec<u8>); 13] = [
            (written(|row| row.bool(true)), parameter(&true, &Type::BOOL)),
            (written(|row| row.int4(-5)), parameter(&-5_i32, &Type::INT4)),
            (written(|row| row.int8(i64::MIN)), parameter(&i64::MIN, &Type::INT8)),
            (written(|row| row.uuid(id)), parameter(&id, &Type::UUID)),
            (written(|row| row.text("é")), parameter(&"é", &Type::TEXT)),
            (written(|row| row.bytea(&[0, 255])), parameter(&&[0_u8, 255][..], &Type::BYTEA)),
            (written(|row| row.timestamp(before_2000)), parameter(&before_2000, &Type::TIMESTAMP)),
            (written(|row| row.jsonb(br#"{"a":1}"#)), parameter(&Json(&object), &Type::JSONB)),
            (written(|row| row.text_array(texts.iter().copied())), parameter(&texts, &Type::TEXT_ARRAY)),
            (written(|row| row.text_array(std::iter::empty())), parameter(&Vec::<&str>::new(), &Type::TEXT_ARRAY)),
            (written(|row| row.optional_text(none)), parameter(&none, &Type::TEXT)),
            (written(|row| row.optional_int8(Some(9))), parameter(&9_i64, &Type::INT8)),
            (written(|row| row.optional(Some(true), Tuple::bool)), parameter(&true, &Type::BOOL)),
        ];
        for (index, (ours, theirs)) in pairs.into_iter().enumerate() {
            assert_eq!(ours, theirs, "pair {index}");
        }
    }

    #[test]
    fn a_decimal_has_all_its_digits_and_its_sign() {
        for number in [0, 7, -7, i64::MAX, i64::MIN] {
            assert_eq!(written(|row| row.decimal(number)), parameter(&number.to_string(), &Type::TEXT));
        }
    }
}
