//! A registry of the test's own, with one image of one layer, which does all the test wants of it.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::common::oci::{Oci, digest};
use crate::lying::{Answer, Lying, Seen};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// What it is to do with an honest answer. None of a question for something else.
type Change = Box<dyn FnMut(&Seen, Of, Answer) -> Answer + Send>;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Manifest,
    Config,
    Layer,
}

pub struct Served {
    server: Lying,
    change: Arc<Mutex<Change>>,
    pub layer: Vec<u8>,
    pub manifest: Vec<u8>,
}

impl Served {
    pub fn new(layer: Vec<u8>) -> Served {
        let change: Arc<Mutex<Change>> = Arc::new(Mutex::new(Box::new(|_, _, answer| answer)));
        let (config, manifest) = Oci::documents(std::slice::from_ref(&layer), &json!({ "Env": ["PATH=/bin"] }));
        let (own, changes) = ((config, manifest.clone(), layer.clone()), change.clone());
        let (of_config, of_layer) = (digest(&own.0).to_string(), digest(&layer).to_string());
        let server = Lying::new(move |seen| {
            let (of, answer) = match seen.line.rsplit('/').next() {
                Some(last) if last == of_config => (Of::Config, Answer::new(200, &own.0)),
                Some(last) if last == of_layer => (Of::Layer, Answer::part(seen, &own.2)),
                _ if seen.line.contains("/manifests/") => {
                    (Of::Manifest, Answer::new(200, &own.1).header("content-type", MANIFEST))
                }
                _ => return Answer::new(404, b"{}"),
            };
            (changes.lock().unwrap())(seen, of, answer)
        });
        Served { server, change, layer, manifest }
    }

    pub fn name(&self) -> String {
        format!("127.0.0.1:{}/public/test", self.server.port)
    }

    pub fn becomes(&self, change: impl FnMut(&Seen, Of, Answer) -> Answer + Send + 'static) {
        *self.change.lock().unwrap() = Box::new(change);
    }

    pub fn is_honest(&self) {
        self.becomes(|_, _, answer| answer);
    }

    /// From which bytes on the layer was asked for, by each question so far.
    pub fn asked(&self) -> Vec<usize> {
        let last = digest(&self.layer).to_string();
        let of_layer = |seen: &Seen| seen.line.ends_with(&last).then(|| seen.from().unwrap_or(0));
        self.server.seen().iter().filter_map(of_layer).collect()
    }
}
