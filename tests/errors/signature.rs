//! The functions that make errors of what they are told: which of their arguments is the reason, and which the hint.

use std::collections::HashMap;

use proc_macro2::{Delimiter, TokenTree};

use crate::phrase::{arguments, inside, is};
use crate::scan::Source;

/// By name: the file, and what the parameters are called, without `self`.
pub type Signatures = HashMap<String, Vec<(String, Vec<String>)>>;

pub fn all(sources: &[Source]) -> Signatures {
    let mut found = Signatures::new();
    for source in sources {
        collect(&source.name, &source.tokens, &mut found);
    }
    found
}

fn collect(file: &str, tokens: &[TokenTree], found: &mut Signatures) {
    for (i, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            collect(file, &inside(group), found);
        }
        let TokenTree::Ident(word) = token else { continue };
        // fn NAME<..>(..), and let NAME = |..|
        let parameters = match word.to_string().as_str() {
            "fn" => tokens[i..].iter().find_map(|t| match t {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                    Some(arguments(&inside(group)))
                }
                _ => None,
            }),
            "let" if tokens.get(i + 2).is_some_and(|t| is(t, '=')) && tokens.get(i + 3).is_some_and(|t| is(t, '|')) => {
                let end = (i + 4..tokens.len()).find(|&at| is(&tokens[at], '|'));
                end.map(|end| arguments(&tokens[i + 4..end]))
            }
            _ => None,
        };
        let (Some(parameters), Some(name)) = (parameters, tokens.get(i + 1)) else { continue };
        let names = parameters
            .iter()
            .map(|part| {
                part.iter()
                    .take_while(|t| !is(t, ':'))
                    .filter_map(|t| match t {
                        TokenTree::Ident(word) if *word != "mut" => Some(word.to_string()),
                        _ => None,
                    })
                    .last()
                    .unwrap_or_default()
            })
            .filter(|name| name != "self")
            .collect();
        found.entry(name.to_string()).or_default().push((file.to_string(), names));
    }
}

/// What the parameters of the function called here are called: the one of this file, or the only one there is.
pub fn parameters<'a>(all: &'a Signatures, file: &str, name: &str, count: usize) -> Option<&'a [String]> {
    let fitting: Vec<_> = all.get(name)?.iter().filter(|(_, names)| names.len() == count).collect();
    let own = fitting.iter().find(|(of, _)| of == file);
    own.or(fitting.first().filter(|first| fitting.iter().all(|other| other.1 == first.1)))
        .map(|(_, names)| names.as_slice())
}
