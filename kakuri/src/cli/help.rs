//! Where a person waits: help and suggestions, by clap over the same tables.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

use super::options::{self, Id, Takes};
use super::pages::{self, GROUPS, RUN, TOP, Verb, Words};

const ABOUT: &str = "Run a command in a container of its own, with nothing but the kernel";

/// Of the form without a verb.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("kakuri python3 script.py", "no network, sees only script.py"),
    ("kakuri --bind . make", "writable where you are"),
    ("kakuri --bind ./config:/etc/service:ro nginx", ""),
    ("kakuri --allow-network --bind ~/.cargo:ro cargo build", ""),
    ("kakuri", "your shell"),
    ("kakuri --explain --bind . make", "what would be done"),
    ("kakuri -- list", "a program named as one of kakuri's verbs"),
];

/// `kakuri --help`.
pub fn front() -> String {
    let after = format!("{}\n\n{}", verbs(), examples(EXAMPLES));
    let usage = "kakuri [OPTIONS] [CMD [ARG...]]\n       kakuri VERB ...";
    command(&RUN).about(ABOUT).override_usage(usage).after_help(after).render_help().to_string()
}

/// `kakuri VERB --help`.
pub fn page(verb: &Verb) -> String {
    let mut after = examples(verb.examples);
    if verb.words == Words::Verb {
        after = format!("{}\n{after}", table("Verbs", verb.members()));
    }
    let about = match verb.more {
        "" => verb.about.to_string(),
        more => format!("{}\n\n{more}", verb.about),
    };
    let usage = format!("kakuri {} {}", verb.name, verb.usage);
    command(verb).about(about).override_usage(usage.trim_end().to_string()).after_help(after).render_help().to_string()
}

/// Every verb with its line.
fn verbs() -> String {
    let one = |(group, heading): &(pages::Group, &str)| {
        let of: Vec<&Verb> = TOP.into_iter().filter(|v| v.group == *group).collect();
        table(heading, &of)
    };
    let groups: Vec<String> = GROUPS.iter().map(one).collect();
    format!("{}\nkakuri VERB --help says more about one of them.", groups.join("\n"))
}

fn table(heading: &str, verbs: &[&Verb]) -> String {
    let line = |v: &&Verb| {
        let also = if v.also.is_empty() { String::new() } else { format!(" ({})", v.also.join(", ")) };
        format!("  {:<12}{}{also}\n", v.word(), v.about)
    };
    format!("{heading}:\n{}", verbs.iter().map(line).collect::<String>())
}

fn examples(examples: &[(&str, &str)]) -> String {
    let width = examples.iter().filter(|(_, note)| !note.is_empty()).map(|(line, _)| line.len()).max().unwrap_or(0);
    let lines = examples.iter().map(|(line, note)| format!("  {line:<width$}  {note}").trim_end().to_string());
    format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// The option of the verb nearest to one nobody knows, with its dashes.
pub fn suggestion(verb: &Verb, name: &str) -> Option<String> {
    near(command(verb), &format!("--{name}"), ContextKind::SuggestedArg)
}

/// The word nearest to one nobody knows.
pub fn nearest(word: &str, words: impl Iterator<Item = &'static str>) -> Option<String> {
    let command = words.fold(Command::new("kakuri").subcommand_required(true), |c, w| c.subcommand(Command::new(w)));
    near(command.disable_help_subcommand(true), word, ContextKind::SuggestedSubcommand)
}

fn near(command: Command, word: &str, kind: ContextKind) -> Option<String> {
    let error = command.try_get_matches_from(["kakuri", word]).err()?;
    match error.get(kind)? {
        ContextValue::String(near) => Some(near.clone()),
        // The nearest comes last.
        ContextValue::Strings(near) => near.last().cloned(),
        _ => None,
    }
}

fn command(verb: &Verb) -> Command {
    let mut command = Command::new("kakuri").disable_help_flag(true).disable_version_flag(true).term_width(100);
    // Nobody is led to another program's word: what stands here is suggested for a typing error.
    let hidden = verb.options.iter().flat_map(|t| t.iter()).filter(|o| o.heading.is_empty() && o.id != Id::RoBind);
    for opt in options::shown(verb.options).chain(hidden) {
        let mut arg = Arg::new(opt.long.first().copied().unwrap_or("ids")).help(opt.help).action(ArgAction::SetTrue);
        if let Some(short) = opt.short {
            arg = arg.short(char::from(short));
        }
        if let Some((name, more)) = opt.long.split_first() {
            arg = arg.long(*name).visible_aliases(more.to_vec());
        }
        match opt.takes {
            Takes::Nothing => {}
            Takes::Value(form) => arg = arg.action(ArgAction::Append).value_name(form),
            Takes::Number(form) | Takes::Switch(form) => {
                arg = arg.action(ArgAction::Append).num_args(0..=1).require_equals(true).value_name(form);
            }
        }
        arg = if opt.heading.is_empty() { arg.hide(true) } else { arg.help_heading(opt.heading) };
        command = command.arg(arg);
    }
    command
}
