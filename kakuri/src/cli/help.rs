//! Where a person waits: help and suggestions, by clap over the same table.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

use super::options::{Id, OPTIONS, Takes};
use super::run::Form;

const ABOUT: &str = "Run a command in a container of its own, with nothing but the kernel";

const EXAMPLES: &str = "\
Examples:
  kakuri python3 script.py                 no network, sees only script.py
  kakuri --bind . make                     writable where you are
  kakuri --bind ./config:/etc/service:ro nginx
  kakuri --allow-network --bind ~/.cargo:ro cargo build
  kakuri                                   your shell
  kakuri --explain --bind . make           what would be done
  kakuri -- list                           a program named as one of kakuri's verbs

Other verbs: run, version, doctor, config (kakuri VERB --help)";

/// `kakuri --help`, `kakuri run --help`.
pub fn run(form: Form) -> String {
    let usage = match form {
        Form::Bare => "kakuri [OPTIONS] [CMD [ARG...]]",
        Form::Spelled => "kakuri run [OPTIONS] [CMD [ARG...]]",
    };
    command().override_usage(usage).render_help().to_string()
}

/// The option nearest to one nobody knows, with its dashes.
pub fn suggestion(name: &str) -> Option<String> {
    let error = command().try_get_matches_from(["kakuri", &format!("--{name}")]).err()?;
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(near) => Some(near.clone()),
        _ => None,
    }
}

fn command() -> Command {
    let mut command = Command::new("kakuri")
        .about(ABOUT)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .term_width(100)
        .after_help(EXAMPLES);
    // Nobody is led to another program's word: what stands here is suggested for a typing error.
    for opt in OPTIONS.iter().filter(|opt| opt.id != Id::RoBind) {
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
            Takes::Number(form) => {
                arg = arg.action(ArgAction::Append).num_args(0..=1).require_equals(true).value_name(form);
            }
        }
        arg = if opt.heading.is_empty() { arg.hide(true) } else { arg.help_heading(opt.heading) };
        command = command.arg(arg);
    }
    command
}

/// A verb without options.
pub fn verb(name: &'static str, about: &'static str) -> String {
    format!("{about}\n\nUsage: kakuri {name}\n\nExamples:\n  kakuri {name}\n")
}

pub fn config() -> String {
    "\
The configuration file. It is never written unasked, and its defaults hold without it.

Usage: kakuri config show|path|init|check [--config FILE]

  show   what holds, as a file that says so
  path   where the file is, or would be
  init   write the defaults where no file is yet
  check  read it; silent where all is well

Examples:
  kakuri config show
  $EDITOR \"$(kakuri config path)\"
  kakuri config check --config ./config.toml
"
    .into()
}
