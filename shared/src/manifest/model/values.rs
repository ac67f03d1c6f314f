//! The values that all files of a manifest are made of, in every spelling of fifteen years.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// Text, borrowed from the file where it has no escapes. U+0000, which PostgreSQL cannot hold, becomes U+FFFD. A number
/// or a boolean counts as its text: some writers leave the quotes out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyText;
        impl<'de> Visitor<'de> for AnyText {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                // Borrowed text had no escapes, and JSON allows U+0000 only as an escape.
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.replace('\0', "\u{fffd}"))))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(if value { "true" } else { "false" })))
            }
        }
        deserializer.deserialize_any(AnyText)
    }
}

/// Null counts as absent: manifests write both.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A moment, in UTC, to the microsecond that the database keeps.
///
/// Written as `2013-05-02T13:14:15.678+0000` until 2021, with `+00:00` until 2025, with `Z` since; also a date alone, and
/// milliseconds since 1970. All are read. Without a zone it is UTC. Years are 1 to 9999, as four digits can write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub PrimitiveDateTime);

impl Moment {
    /// Reads any of the spellings; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let date = parse_date(date)?;
        if rest.is_empty() {
            return Self::of(PrimitiveDateTime::new(date, Time::MIDNIGHT).assume_utc());
        }
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let (clock, zone) = rest.split_at(rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len()));
        let moment = PrimitiveDateTime::new(date, parse_clock(clock)?).assume_offset(parse_zone(zone)?);
        // A zone can carry a date out of the calendar that `time` knows.
        Self::of(moment.checked_to_offset(UtcOffset::UTC)?)
    }

    /// `moment` is in UTC.
    fn of(moment: OffsetDateTime) -> Option<Self> {
        (1..=9999).contains(&moment.year()).then(|| Self(PrimitiveDateTime::new(moment.date(), moment.time())))
    }

    fn from_millis(millis: i64) -> Option<Self> {
        Self::of(OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyMoment;
        impl Visitor<'_> for AnyMoment {
            type Value = Moment;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date such as 2026-03-05T10:20:30.400Z, or milliseconds since 1970")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
                Moment::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Moment, E> {
                Moment::from_millis(millis).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(millis), &self))
            }
            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Moment, E> {
                let moment = i64::try_from(millis).ok().and_then(Moment::from_millis);
                moment.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(millis), &self))
            }
        }
        deserializer.deserialize_any(AnyMoment)
    }
}

fn digits<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn parse_date(text: &str) -> Option<Date> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let month = Month::try_from(digits::<u8>(month)?).ok()?;
    Date::from_calendar_date(digits(year)?, month, digits(day)?).ok()
}

/// `13:14`, `13:14:15`, `13:14:15.678`; digits beyond the microsecond are cut off.
fn parse_clock(text: &str) -> Option<Time> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let (second, fraction) = parts.next().map_or(("0", ""), |text| text.split_once('.').unwrap_or((text, "")));
    let mut micros = 0;
    for place in 0..6 {
        micros = micros * 10 + fraction.as_bytes().get(place).map_or(Some(0), |b| char::from(*b).to_digit(10))?;
    }
    digits::<u64>(if fraction.is_empty() { "0" } else { &fraction[..fraction.floor_char_boundary(18)] })?;
    Time::from_hms_micro(hour, minute, digits(second)?, micros).ok()
}

/// Nothing, `Z`, `+00:00`, `+0000` or `+00`.
fn parse_zone(text: &str) -> Option<UtcOffset> {
    if matches!(text, "" | "Z" | "z") {
        return Some(UtcOffset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let plain = text.get(1..)?.replace(':', "");
    let (hours, minutes) = plain.split_at_checked(2)?;
    let minutes: i8 = if minutes.is_empty() { 0 } else { digits(minutes)? };
    UtcOffset::from_hms(sign * digits::<i8>(hours)?, sign * minutes, 0).ok()
}

/// Names and values in their order. Written as a list of `{"name", "value"}`; a map is read too. Of a repeated name the
/// last counts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Attributes<'a>(pub Vec<(Text<'a>, Option<Text<'a>>)>);

impl Attributes<'_> {
    /// The value of an attribute; `None` where it is absent or has no value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().rev().find(|(found, _)| found.as_str() == name)?;
        value.as_ref().map(Text::as_str)
    }
}

#[derive(serde::Deserialize)]
struct Attribute<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    value: Option<Text<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrMap;
        impl<'de> Visitor<'de> for ListOrMap {
            type Value = Attributes<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names and values, or a map")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(Attribute { name, value }) = list.next_element()? {
                    found.push((name, value));
                }
                Ok(Attributes(found))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    found.push(entry);
                }
                Ok(Attributes(found))
            }
        }
        deserializer.deserialize_any(ListOrMap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::datetime;

    fn moment(json: &str) -> Result<PrimitiveDateTime, String> {
        serde_json::from_str::<Moment>(json).map(|moment| moment.0).map_err(|error| error.to_string())
    }

    #[test]
    fn every_spelling_of_a_date_is_the_same_moment() {
        let expected = datetime!(2013-05-02 13:14:15.678);
        for spelling in [
            "\"2013-05-02T13:14:15.678+0000\"",
            "\"2013-05-02T13:14:15.678+00:00\"",
            "\"2013-05-02T13:14:15.678Z\"",
            "\"2013-05-02T13:14:15.678\"",
            "\"2013-05-02T15:14:15.678+0200\"",
            "\"2013-05-02T08:44:15.678-04:30\"",
            "1367500455678",
        ] {
            assert_eq!(moment(spelling), Ok(expected), "{spelling}");
        }
        assert_eq!(moment("\"2013-05-02\""), Ok(datetime!(2013-05-02 0:00)));
        assert_eq!(moment("\"2013-05-02T13:14:15Z\""), Ok(datetime!(2013-05-02 13:14:15)));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in [
            "\"\"",
            "\"soon\"",
            "\"2013-13-01\"",
            "\"2013-02-30\"",
            "\"2013-05-02T\"",
            "\"2013-05-02T25:00:00Z\"",
            "\"2013-05-02T13:14:15.xZ\"",
            "\"2013-05-02T13:14:15+9\"",
            "true",
            "1.5",
            "9223372036854775807",
            "\"+013-05-02\"",
            "\"0000-12-31\"",
            "\"0001-01-01T00:00:00+01:00\"",
            "-62135596800001",
            "253402300800000",
        ] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn attributes_are_a_list_or_a_map() {
        let list = r#"[{"name":"arch","value":"x86_64","created":null},{"name":"flag"},{"name":"n","value":5}]"#;
        let map = r#"{"arch":"x86_64","flag":null,"n":"5"}"#;
        let list: Attributes<'_> = serde_json::from_str(list).unwrap();
        assert_eq!(list, serde_json::from_str(map).unwrap());
        assert_eq!(list.get("arch"), Some("x86_64"));
        assert_eq!(list.get("flag"), None);
        assert!(serde_json::from_str::<Attributes<'_>>(r#"[{"value":"x"}]"#).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_date_parser_panic(text in ".{0,40}") {
            let _ = Moment::parse(&text);
        }

        #[test]
        fn a_moment_is_read_as_it_was_written(millis in -62_135_596_800_000_i64..253_402_300_799_999) {
            let moment = Moment::from_millis(millis).unwrap();
            let format = time::format_description::well_known::Rfc3339;
            let text = moment.0.assume_utc().format(&format).unwrap();
            prop_assert_eq!(Moment::parse(&text), Some(moment));
        }
    }
}
