//! `--format`: the part of Go's templates (<https://pkg.go.dev/text/template>) that docker's users know.
//!
//! `{{.Field}}`, `{{.A.B}}`, `{{json .}}`, pipes, `{{range .X}}..{{else}}..{{end}}`, `{{if .X}}..{{end}}`,
//! `{{with .X}}..{{end}}`, strings and numbers, and the functions of [`eval::FUNCTIONS`]; `\t` and `\n` outside of
//! braces; `table ` before it heads and aligns the columns. Evaluated over JSON. A field that is not there is an error
//! that names those that are.

mod eval;
mod parse;

use kakuri_wire::fail::{Fail, Result, Stage};
use serde_json::Value;

use super::table::Table;
use super::{plain, shorten};
use parse::Node;

pub struct Template {
    nodes: Vec<Node>,
    table: bool,
    text: String,
}

impl Template {
    pub fn parse(text: &str) -> Result<Template> {
        let (table, body) = match text.strip_prefix("table") {
            Some(body) if body.starts_with([' ', '\t', '{']) || body.starts_with("\\t") => (true, body.trim_start()),
            _ => (false, text),
        };
        let nodes = parse::parse(body).map_err(|why| wrong(text, &why))?;
        Ok(Template { nodes, table, text: text.into() })
    }

    /// Whether values like this one have all the fields that are asked of them, even if there turns out to be none.
    pub fn check(&self, like: &Value) -> Result<()> {
        eval::check(&self.nodes, like, false).map_err(|why| wrong(&self.text, &why))
    }

    /// One value as text, without a newline at its end.
    pub fn one(&self, value: &Value) -> Result<String> {
        eval::run(&self.nodes, value, false).map_err(|why| wrong(&self.text, &why))
    }

    /// A line for each value; with `table ` under the names that `header` gives to fields (else the field's own, in
    /// upper case).
    pub fn all(&self, values: &[Value], header: &[(&str, &str)], colours: bool) -> Result<String> {
        let mut lines = Vec::new();
        for value in values {
            lines.push(self.one(value)?);
        }
        if !self.table {
            return Ok(lines.iter().map(|line| line.clone() + "\n").collect());
        }
        let named = |(field, name): &(&str, &str)| ((*field).to_string(), Value::from(*name));
        let head = Value::Object(header.iter().map(named).collect());
        let head = eval::run(&self.nodes, &head, true).map_err(|why| wrong(&self.text, &why))?;
        let mut table = Table::new(head.split('\t'));
        for line in &lines {
            table.row(line.split('\t').map(|cell| plain(cell.as_bytes())));
        }
        Ok(table.text(colours))
    }
}

fn wrong(text: &str, why: &str) -> Fail {
    Fail::new(Stage::Front, format!("bad value '{}' for --format", shorten(&plain(text.as_bytes()), 200)))
        .why(why)
        .hint("a template such as '{{.Names}}\\t{{.Status}}', json, or table {{.Names}}")
}

#[cfg(test)]
mod tests;
