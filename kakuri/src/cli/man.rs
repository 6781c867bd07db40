//! Manual pages in roff (man(7)), from the same tables as the help.

use std::time::SystemTime;

use super::help::EXAMPLES;
use super::options::{self, HEADINGS, Opt, Takes};
use super::pages::{GROUPS, RUN, TOP, Verb};
use crate::output::time::rfc3339;

/// The configuration's keys, in words no table has.
const FILE: &str = include_str!("man/kakuri.toml.5");

/// Every page: the name of its file, and its text. `date` is the day they all bear.
pub fn pages(date: SystemTime) -> Vec<(String, String)> {
    let moment = rfc3339(date, 0);
    let date = moment.split('T').next().unwrap_or_default();
    let mut verbs: Vec<&Verb> = TOP.to_vec();
    // Those that stand at the top as well have their page already.
    verbs.extend(TOP.iter().flat_map(|top| top.members()).filter(|v| v.name.contains(' ')));
    let mut pages = vec![
        ("kakuri.1".to_string(), top("kakuri", 1, date) + &front()),
        ("kakuri.toml.5".to_string(), top("kakuri.toml", 5, date) + FILE),
    ];
    pages.extend(verbs.into_iter().map(|v| (format!("{}.1", title(v)), top(&title(v), 1, date) + &page(v))));
    pages
}

fn title(verb: &Verb) -> String {
    format!("kakuri-{}", verb.name.replace(' ', "-"))
}

fn top(title: &str, section: u8, date: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(".TH {} {section} {date} \"kakuri {version}\" kakuri\n", escape(&title.to_uppercase()))
}

fn head(title: &str, about: &str, usage: &str, description: &str) -> String {
    format!(
        ".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}\n.SH DESCRIPTION\n{}\n",
        escape(title),
        escape(about),
        escape(usage),
        sentence(description),
    )
}

/// The line of a table as prose. One that ends in dots has its own.
fn sentence(about: &str) -> String {
    format!("{}{}", escape(about), if about.ends_with('.') { "" } else { "." })
}

fn front() -> String {
    let about = "run a command in a container of its own, with nothing but the kernel";
    let what = "CMD runs in a container of its own, which an ordinary user makes without a daemon, a setuid program or root, \
                and which is gone when CMD ends";
    let mut text = head("kakuri", about, "kakuri [OPTIONS] [CMD [ARG...]]", what);
    text +=
        ".PP\nOptions stop at the first word of CMD; everything after it is CMD's own. Without CMD it is your shell.\n";
    for (group, heading) in GROUPS {
        text += &format!(".SS {heading}\n");
        for verb in TOP.iter().filter(|v| v.group == group) {
            text += &format!(".TP\n.BR {} (1)\n{}\n", escape(&title(verb)), sentence(verb.about));
        }
    }
    text + &option_list(&RUN) + &exit_codes() + PLACES + &examples(EXAMPLES) + ".SH SEE ALSO\n.BR kakuri.toml (5)\n"
}

fn page(verb: &Verb) -> String {
    let usage = format!("kakuri {} {}", verb.name, verb.usage);
    let mut text = head(&title(verb), verb.about, usage.trim_end(), verb.about);
    if !verb.more.is_empty() {
        text += &format!(".PP\n.nf\n{}\n.fi\n", escape(verb.more));
    }
    for verb in verb.members() {
        text += &format!(".TP\n.B {}\n{}\n", escape(verb.word()), sentence(verb.about));
    }
    let also = if verb.name == "config" { ",\n.BR kakuri.toml (5)" } else { "" };
    text + &option_list(verb) + &examples(verb.examples) + ".SH SEE ALSO\n.BR kakuri (1)" + also + "\n"
}

fn option_list(verb: &Verb) -> String {
    let mut text = ".SH OPTIONS\n".to_string();
    for heading in HEADINGS {
        let of: Vec<&Opt> = options::shown(verb.options).filter(|o| o.heading == heading).collect();
        if of.is_empty() {
            continue;
        }
        text += &format!(".SS {heading}\n");
        for opt in of {
            text += &format!(".TP\n{}\n{}\n", names(opt), sentence(opt.help));
        }
    }
    text
}

/// `\fB-v\fR, \fB--bind\fR \fISRC\fR`.
fn names(opt: &Opt) -> String {
    let short = opt.short.map(|s| format!("-{}", char::from(s)));
    let long = opt.long.iter().map(|l| format!("--{l}"));
    let all: Vec<String> = short.into_iter().chain(long).map(|n| format!("\\fB{}\\fR", escape(&n))).collect();
    let form = match opt.takes {
        Takes::Nothing => String::new(),
        Takes::Value(form) => format!(" \\fI{}\\fR", escape(form)),
        Takes::Number(form) | Takes::Switch(form) => format!("[=\\fI{}\\fR]", escape(form)),
    };
    all.join(", ") + &form
}

/// What kakuri heeds of its surroundings.
const PLACES: &str = ".SH ENVIRONMENT
.TP
.B KAKURI_CONFIG
The configuration file, where no \\-\\-config names one.
.TP
.B KAKURI_LIBEXEC
A folder to take the other programs of kakuri from, to try one.
.TP
.B KAKURI_LOG
With the value trace, every message between them is shown on standard error.
.SH FILES
.TP
.I \\(ti/.config/container/config.toml
The configuration; see
.BR kakuri.toml (5).
.TP
.I \\(ti/.local/kakuri
Containers with a name, images and tries.
.TP
.IR /etc/subuid , \" /etc/subgid\"
The ids of
.BR \\-\\-userns\\~range .
";

fn exit_codes() -> String {
    let codes = [
        ("CMD's own", "it ended by itself"),
        ("128+n", "signal n ended it"),
        ("124", "--timeout passed"),
        ("125", "kakuri failed or was misused; nothing ran"),
        ("126", "CMD cannot be executed"),
        ("127", "CMD was not found"),
    ];
    let list: String = codes.iter().map(|(c, m)| format!(".TP\n.B {}\n{}.\n", escape(c), escape(m))).collect();
    format!(".SH EXIT STATUS\n{list}.PP\nOther verbs: 0 done, 1 failed, 125 misuse.\n")
}

fn examples(examples: &[(&str, &str)]) -> String {
    let mut text = ".SH EXAMPLES\n".to_string();
    for (line, note) in examples {
        text += &format!(".TP\n.B {}\n{}\n", escape(line), if note.is_empty() { ".br".into() } else { escape(note) });
    }
    text
}

/// What roff would take for its own, or print as another sign than the one to be typed (groff_char(7)); and a dot that
/// begins a line.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out += "\\e",
            '-' => out += "\\-",
            '"' => out += "\\(dq",
            '\'' => out += "\\(aq",
            '`' => out += "\\(ga",
            '^' => out += "\\(ha",
            '~' => out += "\\(ti",
            '.' if out.is_empty() || out.ends_with('\n') => out += "\\&.",
            c => out.push(c),
        }
    }
    out
}
