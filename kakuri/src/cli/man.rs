//! Manual pages in roff (man(7)), from the same tables as the help.

use super::help::EXAMPLES;
use super::options::{self, HEADINGS, Opt, Takes};
use super::pages::{GROUPS, RUN, TOP, Verb};

/// Every page: the name of its file, and its text.
pub fn pages() -> Vec<(String, String)> {
    let mut verbs: Vec<&Verb> = TOP.to_vec();
    // Those that stand at the top as well have their page already.
    verbs.extend(TOP.iter().flat_map(|top| top.members()).filter(|v| v.name.contains(' ')));
    let mut pages = vec![("kakuri.1".to_string(), front())];
    pages.extend(verbs.into_iter().map(|verb| (format!("{}.1", title(verb)), page(verb))));
    pages
}

fn title(verb: &Verb) -> String {
    format!("kakuri-{}", verb.name.replace(' ', "-"))
}

fn head(title: &str, about: &str, usage: &str) -> String {
    let upper = title.to_uppercase();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        ".TH {upper} 1 \"\" \"kakuri {version}\" \"kakuri\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}\n.SH DESCRIPTION\n{}.\n",
        escape(title),
        escape(about),
        escape(usage),
        escape(about),
    )
}

fn front() -> String {
    let about = "run a command in a container of its own, with nothing but the kernel";
    let mut text = head("kakuri", about, "kakuri [OPTIONS] [CMD [ARG...]]");
    text +=
        ".PP\nOptions stop at the first word of CMD; everything after it is CMD's own. Without CMD it is your shell.\n";
    for (group, heading) in GROUPS {
        text += &format!(".SS {heading}\n");
        for verb in TOP.iter().filter(|v| v.group == group) {
            text += &format!(".TP\n.BR {} (1)\n{}.\n", escape(&title(verb)), escape(verb.about));
        }
    }
    text + &option_list(&RUN) + &exit_codes() + &examples(EXAMPLES)
}

fn page(verb: &Verb) -> String {
    let mut text = head(&title(verb), verb.about, format!("kakuri {} {}", verb.name, verb.usage).trim_end());
    if !verb.more.is_empty() {
        text += &format!(".PP\n.nf\n{}\n.fi\n", escape(verb.more));
    }
    for verb in verb.members() {
        text += &format!(".TP\n.B {}\n{}.\n", escape(verb.word()), escape(verb.about));
    }
    text + &option_list(verb) + &examples(verb.examples) + ".SH SEE ALSO\n.BR kakuri (1)\n"
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
            text += &format!(".TP\n{}\n{}.\n", names(opt), escape(opt.help));
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
    format!(".SH EXIT STATUS\n{list}Other verbs: 0 done, 1 failed, 125 misuse.\n")
}

fn examples(examples: &[(&str, &str)]) -> String {
    let mut text = ".SH EXAMPLES\n".to_string();
    for (line, note) in examples {
        text += &format!(".TP\n.B {}\n{}\n", escape(line), if note.is_empty() { ".br".into() } else { escape(note) });
    }
    text
}

/// What roff would take for its own: a backslash anywhere, a dash that is to stay one, and a dot or quote that
/// begins a line.
fn escape(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}
