//! The TOML of the configuration. An unknown key, a bad type and bad TOML are errors with file, line, column.

use std::collections::BTreeMap;

use kakuri_wire::{Bytes, Fail, Result, Stage};
use serde::Deserialize;

use super::Config;
use crate::guarantee;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct File {
    storage: Storage,
    defaults: Defaults,
    bind_profiles: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Storage {
    containers_dir: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Defaults {
    allow_network: Option<bool>,
    require: Option<Vec<String>>,
}

/// What the file says over the defaults. A profile replaces the default one of its name.
pub fn parse(path: Vec<u8>, text: &[u8]) -> Result<Config> {
    let wrong = |offset: usize, why: &str| {
        let (line, column) = position(text, offset);
        let why = why.trim().replace('\n', ", ");
        Err(Fail::new(Stage::Front, format!("{}:{line}:{column}", Bytes(path.clone())))
            .why(why)
            .hint("correct the file, or run with --config /dev/null"))
    };
    let words = match std::str::from_utf8(text) {
        Ok(words) => words,
        Err(e) => return wrong(e.valid_up_to(), "this is not UTF-8"),
    };
    let file: File = match toml::from_str(words) {
        Ok(file) => file,
        // hakoniwa's --config is another's.
        Err(e) if e.message().starts_with("unknown field") && e.message().contains("`bind_profiles`") => {
            return wrong(e.span().map_or(0, |s| s.start), e.message()).map_err(|fail| {
                fail.hint("correct the file; one that describes a container is given by --config-file")
            });
        }
        Err(e) => return wrong(e.span().map_or(0, |s| s.start), e.message()),
    };
    let mut config = Config::defaults(path.clone());
    if let Some(dir) = file.storage.containers_dir {
        if !(dir.starts_with(['/', '$']) || dir == "~" || dir.starts_with("~/")) {
            let at = words.find("containers_dir").unwrap_or(0);
            return wrong(at, &format!("containers_dir '{}' is relative: begin it with / or ~/", dir.escape_debug()));
        }
        config.containers_dir = dir;
    }
    config.allow_network = file.defaults.allow_network.unwrap_or(config.allow_network);
    for name in file.defaults.require.iter().flatten() {
        if let Err(names) = guarantee::known(name) {
            let at = words.find("require").unwrap_or(0);
            return wrong(at, &format!("there is no guarantee '{}': require takes {names}", name.escape_debug()));
        }
    }
    config.require = file.defaults.require.unwrap_or_default();
    config.bind_profiles.extend(file.bind_profiles);
    Ok(config)
}

/// Line and column of a byte, both from 1; the column counts characters.
pub(crate) fn position(text: &[u8], offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |n| n + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> String {
        parse(b"/c.toml".to_vec(), text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn over_the_defaults() {
        let text = "[defaults]\nallow_network = true\n[bind_profiles]\nweb = [\"~/www:/srv:ro\"]\n";
        let config = parse(b"/c".to_vec(), text.as_bytes()).expect("parses");
        assert!(config.allow_network);
        assert_eq!(config.containers_dir, "~/.local/kakuri/containers");
        assert_eq!(config.bind_profiles.keys().collect::<Vec<_>>(), ["dev", "minimal", "web"]);
    }

    #[test]
    fn errors_give_file_line_and_column() {
        assert!(fails("[defaults]\nallow_netwrk = true\n").starts_with("/c.toml:2:1: unknown field `allow_netwrk`"));
        assert!(fails("[defaults]\nallow_network = \"yes\"\n").starts_with("/c.toml:2:17: invalid type"));
        assert!(fails("\n[defaults\n").starts_with("/c.toml:2:10: "));
        assert!(fails("[defaults]\nrequire = [\"x\"]\n").starts_with("/c.toml:2:1: there is no guarantee 'x'"));
        assert!(fails("[storage]\ncontainers_dir = \"x\"\n").contains("'x' is relative"));
        let fail = parse(b"/c".to_vec(), b"a = \"\xff\"").expect_err("not UTF-8").to_string();
        assert!(fail.starts_with("/c:1:6: this is not UTF-8"), "{fail}");
    }
}
