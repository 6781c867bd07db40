//! The links between the front and the roles of kakuri-image: one enum a direction.
//!
//! What comes from a server or an archive is large and hostile: documents cross as sealed memfds, the bytes of layers
//! by a pipe from one helper to the other, and the front touches neither.

use std::net::SocketAddr;

use kakuri_wire::handshake::Version;
use kakuri_wire::{Bytes, Fail, Message};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::{Digest, Layer, Owners, Platform, Reference};

/// To the role `fetch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToFetch {
    /// Carries the [`Job`], a document with secrets. Answered by Ready once nothing can be opened any more.
    Start(Version),
    /// Answered by Manifest or Failed.
    Manifest {
        want: Want,
    },
    /// What is held in memory whole: at most [`LARGEST_CONFIG`]. Answered by Small or SmallFailed.
    Small {
        digest: Digest,
        size: u64,
    },
    /// Carries the writing end of a pipe. `from`: how many of its first bytes are not wanted. Answered by Sent or
    /// BlobFailed, after which the pipe is closed; by Progress and Retrying before.
    Blob {
        n: u32,
        digest: Digest,
        size: u64,
        from: u64,
    },
    /// The blob is not wanted any more. Answered as Blob is.
    Cancel {
        n: u32,
    },
    Resolved {
        ask: u32,
        addresses: Vec<SocketAddr>,
    },
    Unresolved {
        ask: u32,
        fail: Fail,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Want {
    /// What the job's reference names.
    Named,
    Digest(Digest),
}

/// From the role `fetch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromFetch {
    Ready,
    /// The job has failed.
    Failed(Fail),
    /// Wants the addresses of a host: it resolves no name itself.
    Resolve {
        ask: u32,
        host: String,
        port: u16,
    },
    /// Carries the document as it came, sealed, of at most [`LARGEST_MANIFEST`]. `from`: which endpoint answered, for
    /// people.
    Manifest {
        media: String,
        from: String,
    },
    /// Carries the blob, sealed.
    Small,
    SmallFailed(Fail),
    /// So many bytes of the blob have come, the first ones that were not wanted included. Ten a second at most.
    Progress {
        n: u32,
        bytes: u64,
    },
    Retrying {
        n: u32,
        attempt: u32,
        after_ms: u64,
        fail: Fail,
    },
    /// All of it is in the pipe, or nobody reads that any more. Nothing has been verified.
    Sent {
        n: u32,
    },
    BlobFailed {
        n: u32,
        fail: Fail,
    },
    /// The login of an [`Ask::Login`] is right.
    Welcome,
}

/// A manifest or an index, in bytes (the distribution specification asks for no more).
pub const LARGEST_MANIFEST: u64 = 4 << 20;
/// An image's configuration, in bytes.
pub const LARGEST_CONFIG: u64 = 8 << 20;

/// What a `fetch` is for, and all that it may know.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    pub ask: Ask,
    /// In the order they are tried: mirrors, then the registry itself.
    pub endpoints: Vec<Endpoint>,
    #[serde(default)]
    pub patience: Patience,
}

/// How long a server is waited for, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    /// For a connection, TLS and the way through a proxy included.
    pub connect: u64,
    /// For the next byte.
    pub silence: u64,
    /// Before the second try; doubled with each that follows.
    pub pause: u64,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { connect: 10_000, silence: 30_000, pause: 500 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    Pull(Reference),
    /// Whether the registry takes the endpoint's login.
    Login,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    pub repository: String,
    pub scheme: Scheme,
    /// Whether the server's certificate is verified.
    pub verify: bool,
    /// Paths of files of certificates (PEM) that are believed, read before the network is heard.
    pub roots: Vec<Bytes>,
    /// The caller's own certificate and its key: paths of files (PEM).
    pub client: Option<(Bytes, Bytes)>,
    pub login: Option<Login>,
    /// `http://host:port`, with credentials where it has some.
    pub proxy: Option<Secret>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    Https,
    Http,
    /// https, and http where the answer is none of TLS: for this machine's own loopback, and for what the user calls
    /// insecure. A bad certificate never leads to http.
    Either,
}

/// Shows nothing of itself, and leaves nothing behind.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Zeroizing<String>);

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Secret, D::Error> {
        String::deserialize(d).map(|text| Secret(Zeroizing::new(text)))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("...")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Login {
    Basic {
        user: String,
        password: Secret,
    },
    /// A token that is exchanged for others (`identitytoken`).
    Identity(Secret),
}

/// To the roles `unpack`, `settle` and `archive`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToUnpack {
    Start(Version, Limits, Owners),
    /// Carries a manifest or an index, sealed. A digest that was asked for is checked before anything else.
    /// Answered by Index, Manifest or Failed.
    ///
    /// The index.json of an `oci:` folder is judged first, without a digest; `tag` then says which of its images is
    /// wanted, by the annotation `org.opencontainers.image.ref.name`, and None is the only one, or `latest`.
    Judge {
        digest: Option<Digest>,
        tag: Option<String>,
        platform: Platform,
    },
    /// Carries the configuration the last manifest named, sealed. Answered by Recipe or Failed.
    Config,
    /// Carries what the blob is read from: a pipe, or a file open for reading. `/work/N.blob` has its first `have` bytes
    /// already, which are hashed again, and gets the rest where `keep` is set; `/work/N/fs` gets the
    /// tree. (`/work` is the current folder, and `/below` the one beside it.) Answered by Done or Bad.
    Layer {
        n: u32,
        layer: Layer,
        have: u64,
        keep: bool,
    },
    /// To `settle` alone: `/work/N/fs` is made to lie upon those below, /below/K, the top one first. Answered by
    /// Settled or Failed.
    Settle {
        n: u32,
        below: Vec<u32>,
    },
    /// To `archive` alone. Carries what the archive is read from: a file or a pipe. `/work/layout` becomes a folder of
    /// the OCI layout. Answered by Archive or Failed; by Progress before.
    Archive,
}

/// From them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromUnpack {
    Ready,
    /// The image is refused.
    Failed(Fail),
    /// It was an index: this is the manifest of the platform that was wanted.
    Index {
        manifest: Digest,
        size: u64,
    },
    Manifest {
        config: Digest,
        size: u64,
    },
    /// Carries a [`crate::Recipe`], a document.
    Recipe,
    /// So many bytes have been written. Ten a second at most.
    Progress {
        n: u32,
        written: u64,
    },
    /// Both digests of the layer are right, and all of it is there.
    Done {
        n: u32,
        report: Report,
    },
    /// `keep`: how much of the front of `/work/N.blob` may be gone on with; 0 where its digest was wrong.
    Bad {
        n: u32,
        fail: Fail,
        keep: u64,
    },
    Settled {
        n: u32,
        report: Report,
    },
    /// All of the archive was read. Carries [`Contents`], a document.
    Archive,
}

/// The images of an archive. Each has its place here as its tag in the layout's index.json.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    pub images: Vec<Contained>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contained {
    /// As the archive has them; nobody has looked at them.
    pub names: Vec<String>,
    /// Of the manifest, or the list of platforms.
    pub digest: Digest,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub entries: u64,
    /// Of the files, in bytes.
    pub bytes: u64,
    /// It has to be settled upon the layers below.
    pub unsettled: bool,
    /// What was left out, and how often: device nodes, attributes nobody may set.
    pub left_out: Vec<(String, u64)>,
}

/// What an image may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub layers: u32,
    /// Of one layer.
    pub entries: u64,
    /// Of one layer, unpacked, bytes.
    pub bytes: u64,
    /// How many times larger than its blob a layer may be, beyond the first gibibyte.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        // OVL_MAX_STACK of overlayfs is 500; one is the container's own.
        Limits { layers: 499, entries: 4 << 20, bytes: 256 << 30, ratio: 1000 }
    }
}

impl Message for ToFetch {
    fn descriptors(&self) -> usize {
        match self {
            ToFetch::Start(_) | ToFetch::Blob { .. } => 1,
            _ => 0,
        }
    }
}

impl Message for FromFetch {
    fn descriptors(&self) -> usize {
        match self {
            FromFetch::Manifest { .. } | FromFetch::Small => 1,
            _ => 0,
        }
    }
}

impl Message for ToUnpack {
    fn descriptors(&self) -> usize {
        match self {
            ToUnpack::Judge { .. } | ToUnpack::Config | ToUnpack::Layer { .. } | ToUnpack::Archive => 1,
            ToUnpack::Start(..) | ToUnpack::Settle { .. } => 0,
        }
    }
}

impl Message for FromUnpack {
    fn descriptors(&self) -> usize {
        match self {
            FromUnpack::Recipe | FromUnpack::Archive => 1,
            _ => 0,
        }
    }
}
