//! The sample file: every setting with its description, variable and default.

use std::fmt::Write as _;

use super::{
    ConfigKeys, Key, Kind,
    common::RawCommon,
    loader::{defaults, get},
};

/// A TOML file that says what every setting of `service` does and is by default. Settings without a default, and
/// secrets, are commented out.
#[must_use]
pub fn sample<R: ConfigKeys>(service: &str) -> String {
    let mut text = format!(
        "# Settings of byway-{service}. Each may also be given as a variable of the environment (named beside it)\n\
         # or with `--set key=value`; the command line wins over the environment, the environment over this file.\n"
    );
    let own = defaults(&R::default());
    let common = defaults(&RawCommon::default());
    let keys = R::keys();
    let (top, tables): (Vec<_>, Vec<_>) = keys.iter().partition(|key| !key.name.contains('.'));
    for key in top {
        describe(&mut text, key, get(&own, &key.name));
    }
    for key in &RawCommon::keys() {
        describe(&mut text, key, get(&common, &key.name));
    }
    let mut section = "";
    for key in tables {
        let of_key = key.name.split_once('.').map_or("", |(section, _)| section);
        if of_key != section {
            section = of_key;
            let _ = writeln!(text, "\n[{section}]");
        }
        describe(&mut text, key, get(&own, &key.name));
    }
    text
}

fn describe(text: &mut String, key: &Key, default: Option<&toml::Value>) {
    text.push('\n');
    for line in key.doc.lines().map(str::trim) {
        let _ = writeln!(text, "# {line}");
    }
    let _ = write!(text, "# (BYWAY_{0}", key.variable());
    let _ = if key.is_secret() {
        writeln!(text, ", BYWAY_{}_FILE)", key.variable())
    } else {
        writeln!(text, ")")
    };
    let name = key.name.split_once('.').map_or(key.name.as_str(), |(_, name)| name);
    let _ = match default {
        Some(value) if !key.is_secret() => writeln!(text, "{name} = {value}"),
        _ => writeln!(text, "# {name} = {}", example(key)),
    };
}

fn example(key: &Key) -> String {
    let read = key.example.and_then(|example| key.kind.read(example));
    let value = read.unwrap_or_else(|| match key.kind {
        Kind::Text | Kind::Secret => toml::Value::String(String::new()),
        Kind::Bool => toml::Value::Boolean(false),
        Kind::Integer => toml::Value::Integer(0),
        Kind::Float => toml::Value::Float(0.0),
        Kind::List(_) => toml::Value::Array(Vec::new()),
        Kind::Table => toml::Table::new().into(),
    });
    value.to_string()
}
