//! serde's view of a located tree: every error remembers the innermost place and the key path.

use std::fmt;

use serde::de::{self, DeserializeSeed, Expected, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::error::suggestion;
use super::node::{Key, Node, Origin, Value};

/// An error on its way up: the place is set by the innermost node that sees it, the key path
/// grows from the inside out.
#[derive(Debug)]
pub(super) struct DeError {
    pub(super) origin: Option<Origin>,
    pub(super) path: Vec<String>,
    pub(super) message: String,
}

impl DeError {
    fn new(message: String) -> Self {
        DeError {
            origin: None,
            path: Vec::new(),
            message,
        }
    }

    fn at(mut self, origin: &Origin) -> Self {
        self.origin.get_or_insert_with(|| origin.clone());
        self
    }

    fn under(mut self, step: impl Into<String>) -> Self {
        self.path.insert(0, step.into());
        self
    }
}

impl std::error::Error for DeError {}

impl fmt::Display for DeError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl de::Error for DeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        DeError::new(message.to_string())
    }

    fn invalid_type(found: Unexpected, expected: &dyn Expected) -> Self {
        mismatch(found, expected)
    }

    fn invalid_value(found: Unexpected, expected: &dyn Expected) -> Self {
        mismatch(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        DeError::new(format!("expected {expected}, found {length} values"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        DeError::new(format!(
            "unknown `{variant}`{}",
            suggestion(variant, expected)
        ))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        DeError::new(format!(
            "unknown key `{field}`{}",
            suggestion(field, expected)
        ))
    }

    fn missing_field(field: &'static str) -> Self {
        DeError::new(format!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        DeError::new(format!("the key `{field}` stands here twice"))
    }
}

fn mismatch(found: Unexpected, expected: &dyn Expected) -> DeError {
    DeError::new(format!(
        "expected {}, found {}",
        words(expected),
        shown(found)
    ))
}

/// serde's name of an expected type in the words of somebody who writes YAML.
fn words(expected: &dyn Expected) -> String {
    let name = expected.to_string();
    match name.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".into(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".into(),
        "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => "a whole number, 1 or more".into(),
        "f32" | "f64" => "a number".into(),
        "a string" | "string" | "path string" => "text".into(),
        "a boolean" => "true or false".into(),
        "a sequence" => "a list: [a, b]".into(),
        _ if name.starts_with("struct ") => "a mapping of keys to values".into(),
        _ if name.contains("enum ") => "a name, or a mapping of one name to its settings".into(),
        _ => name,
    }
}

fn shown(found: Unexpected) -> String {
    match found {
        Unexpected::Str(text) => format!("the text \"{text}\""),
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(n) => n.to_string(),
        Unexpected::Signed(n) => n.to_string(),
        Unexpected::Float(x) => x.to_string(),
        Unexpected::Map => "a mapping".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Unit | Unexpected::Option => "nothing".into(),
        other => other.to_string(),
    }
}

impl<'de> de::Deserializer<'de> for &'de Node {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let result = match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(n) => visit_int(*n, visitor),
            Value::Float(x) => visitor.visit_f64(*x),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(ListAccess {
                items: items.iter().enumerate(),
            }),
            Value::Map(entries) => visitor.visit_map(EntryAccess {
                entries: entries.iter(),
                current: None,
            }),
        };
        result.map_err(|e| e.at(&self.origin))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|e| e.at(&self.origin))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match self.value {
            // `evaluate:` and `evaluate: {}` say the same.
            Value::Null => visitor.visit_map(EntryAccess {
                entries: [].iter(),
                current: None,
            }),
            _ => return self.deserialize_any(visitor),
        }
        .map_err(|e| e.at(&self.origin))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        visitor
            .visit_newtype_struct(self)
            .map_err(|e| e.at(&self.origin))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let access = match &self.value {
            Value::Text(variant) => VariantAccess {
                name: variant,
                name_origin: &self.origin,
                content: None,
                origin: &self.origin,
            },
            Value::Map(entries) if entries.len() == 1 => VariantAccess {
                name: &entries[0].0.name,
                name_origin: &entries[0].0.origin,
                content: Some(&entries[0].1),
                origin: &self.origin,
            },
            Value::Map(entries) => {
                let message = format!(
                    "expected one of {} with its settings, found {} keys",
                    variants.join(", "),
                    entries.len()
                );
                return Err(DeError::new(message).at(&self.origin));
            }
            _ => {
                let expected = format!("enum {name}");
                let error = self.deserialize_any(Refuse(&expected)).err();
                return Err(error.unwrap_or_else(|| DeError::new(expected)));
            }
        };
        visitor.visit_enum(access).map_err(|e| e.at(&self.origin))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

fn visit_int<'de, V: Visitor<'de>>(n: i128, visitor: V) -> Result<V::Value, DeError> {
    if let Ok(n) = u64::try_from(n) {
        visitor.visit_u64(n)
    } else if let Ok(n) = i64::try_from(n) {
        visitor.visit_i64(n)
    } else {
        visitor.visit_i128(n)
    }
}

/// Refuses whatever it is shown, for the wording of a type mismatch.
struct Refuse<'a>(&'a str);

impl Visitor<'_> for Refuse<'_> {
    type Value = std::convert::Infallible;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.0)
    }
}

struct ListAccess<'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> de::SeqAccess<'de> for ListAccess<'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeError> {
        let Some((index, node)) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(node)
            .map(Some)
            .map_err(|e| e.at(&node.origin).under(index.to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct EntryAccess<'de> {
    entries: std::slice::Iter<'de, (Key, Node)>,
    current: Option<&'de (Key, Node)>,
}

impl<'de> de::MapAccess<'de> for EntryAccess<'de> {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DeError> {
        self.current = self.entries.next();
        let Some((key, _)) = self.current else {
            return Ok(None);
        };
        let name = de::value::BorrowedStrDeserializer::new(&key.name);
        seed.deserialize(name)
            .map(Some)
            .map_err(|e: DeError| e.at(&key.origin))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        let Some((key, node)) = self.current else {
            return Err(DeError::new("a value was asked for before its key".into()));
        };
        seed.deserialize(node)
            .map_err(|e| e.at(&node.origin).under(&key.name))
    }
}

struct VariantAccess<'de> {
    name: &'de str,
    name_origin: &'de Origin,
    content: Option<&'de Node>,
    origin: &'de Origin,
}

impl<'de> de::EnumAccess<'de> for VariantAccess<'de> {
    type Error = DeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DeError> {
        let name = de::value::BorrowedStrDeserializer::new(self.name);
        let value = seed
            .deserialize(name)
            .map_err(|e: DeError| e.at(self.name_origin))?;
        Ok((value, self))
    }
}

impl<'de> de::VariantAccess<'de> for VariantAccess<'de> {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        match self.content {
            None => Ok(()),
            Some(node) if matches!(&node.value, Value::Null) => Ok(()),
            Some(node) if matches!(&node.value, Value::Map(entries) if entries.is_empty()) => {
                Ok(())
            }
            Some(node) => Err(DeError::new(format!("`{}` takes no settings", self.name))
                .at(&node.origin)
                .under(self.name)),
        }
    }

    /// A bare name stands for the name with no settings: `- hflip` is `- hflip: {}`.
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DeError> {
        let result = match self.content {
            Some(node) => seed.deserialize(node),
            None => {
                let empty: de::value::MapDeserializer<'_, std::iter::Empty<(&str, &str)>, DeError> =
                    de::value::MapDeserializer::new(std::iter::empty());
                seed.deserialize(empty)
            }
        };
        result.map_err(|e| e.at(self.origin).under(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DeError> {
        match self.content {
            Some(node) => de::Deserializer::deserialize_any(node, visitor),
            None => Err(DeError::new("a list is missing".into()).at(self.origin)),
        }
        .map_err(|e| e.under(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match self.content {
            Some(node) => de::Deserializer::deserialize_struct(node, "settings", fields, visitor),
            None => visitor
                .visit_map(EntryAccess {
                    entries: [].iter(),
                    current: None,
                })
                .map_err(|e| e.at(self.origin)),
        }
        .map_err(|e| e.under(self.name))
    }
}
