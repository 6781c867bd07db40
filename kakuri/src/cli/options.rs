//! The options of every verb: static tables for the scanner, for help, for suggestions and for manual pages.

pub mod door;
pub mod foreign;
pub mod image;
pub mod spec;
pub mod verb;

/// What an option means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    AddHost,
    All,
    AllowHostPort,
    AllowNetwork,
    Archive,
    Args,
    Attach,
    Audio,
    Authfile,
    Base,
    Bind,
    CapAdd,
    CapDrop,
    BindProfile,
    CertDir,
    Config,
    ConfigFile,
    Container,
    Cpus,
    Creds,
    Dbus,
    Detach,
    DetachKeys,
    Device,
    Dir,
    Dns,
    DnsSearch,
    Emit,
    Entrypoint,
    Env,
    EnvFile,
    EnvHost,
    Explain,
    File,
    Filter,
    Fix,
    Follow,
    FollowLinks,
    Force,
    Format,
    Git,
    Help,
    Gidmap,
    Gpu,
    Hide,
    Hostname,
    Image,
    Input,
    Interactive,
    Json,
    LandlockRestrict,
    LandlockRo,
    LandlockRw,
    LandlockRx,
    LandlockTcpBind,
    LandlockTcpConnect,
    List,
    Login,
    Memory,
    MemorySwap,
    Mount,
    Name,
    Nest,
    Network,
    NoAutoBind,
    NoInput,
    NoStream,
    NoTrunc,
    NoTty,
    Nothing,
    Null,
    Output,
    PassFd,
    Password,
    PasswordStdin,
    Patch,
    Pid,
    PidsLimit,
    Platform,
    Proc,
    Publish,
    Pull,
    Quiet,
    ReadOnly,
    Remove,
    Replace,
    Require,
    Rlimit,
    Rootfs,
    RoBind,
    Script,
    SeccompLog,
    Security,
    SecurityOpt,
    Share,
    Signal,
    Since,
    SshAgent,
    StatusFd,
    Swap,
    Symlink,
    Tail,
    Time,
    Timeout,
    Timestamps,
    TlsVerify,
    Tmpfs,
    Tty,
    Uid,
    Uidmap,
    Ulimit,
    Undo,
    Until,
    User,
    Username,
    Userns,
    Verbose,
    Version,
    Vpn,
    VpnIgnoreHooks,
    VpnOnFailure,
    Wayland,
    Workdir,
    X11,
}

/// Whether a value follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// The rest of the word, or the next one. Words parted by `|` are all there are.
    Value(&'static str),
    /// Only after `=`, or a next word that is a number.
    Number(&'static str),
    /// Only after `=`; the option alone is the first of these words.
    Switch(&'static str),
}

/// One option. Without a heading it is accepted and not shown.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    pub id: Id,
    pub short: Option<u8>,
    pub long: &'static [&'static str],
    pub takes: Takes,
    pub heading: &'static str,
    pub help: &'static str,
}

const OPTIONS: &str = "Options";
const NAMED: &str = "Name and life";
const FILES: &str = "Files";
const IMAGE: &str = "Image";
const WHO: &str = "Identity and environment";
const WALLS: &str = "Isolation";
const NETWORK: &str = "Network";
const DOORS: &str = "Doors";
const RUN: &str = "Running";
const INSIGHT: &str = "Insight";
const GENERAL: &str = "General";

/// In the order of the help.
pub const HEADINGS: [&str; 11] = [OPTIONS, NAMED, FILES, IMAGE, WHO, WALLS, NETWORK, DOORS, RUN, INSIGHT, GENERAL];

const fn opt(
    id: Id,
    short: Option<u8>,
    long: &'static [&'static str],
    takes: Takes,
    heading: &'static str,
    help: &'static str,
) -> Opt {
    Opt { id, short, long, takes, heading, help }
}

/// Lists that belong together, such as those of one verb.
pub type Tables = &'static [&'static [Opt]];

pub fn long(tables: Tables, name: &[u8]) -> Option<&'static Opt> {
    tables.iter().flat_map(|t| t.iter()).find(|o| o.long.iter().any(|l| l.as_bytes() == name))
}

pub fn short(tables: Tables, letter: u8) -> Option<&'static Opt> {
    tables.iter().flat_map(|t| t.iter()).find(|o| o.short == Some(letter))
}

/// Those the help shows, heading by heading.
pub fn shown(tables: Tables) -> impl Iterator<Item = &'static Opt> {
    HEADINGS.iter().flat_map(move |h| tables.iter().flat_map(|t| t.iter()).filter(move |o| o.heading == *h))
}
